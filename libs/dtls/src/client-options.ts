import type { Random } from "@ferry/coap";
import { CIPHER_SUITES } from "./cipher-suite.ts";
import type { ClientCredential } from "./client-io.ts";
import type { RetransmissionSchedule } from "./retransmission.ts";

/** What a {@link DtlsClient} is made of. */
export interface DtlsClientOptions {
  readonly credential: ClientCredential;
  /** Uniformly random bytes of cryptographic quality; the same for each call only in tests. */
  readonly random: Random;
  /** Ms since 1970, for the validity of certificates. */
  readonly wallMs: () => number;
  /** IANA numbers of the cipher suites, the most wanted first; CCM_8 and GCM of the credential's key exchange when not given. */
  readonly suites?: readonly number[];
  /** Length of the Connection ID that the server is to use, 0 to 32; 0: only its own is used. Not given: none at all (RFC 9146). */
  readonly ownCidLengthBytes?: number;
  /** RFC 7627; `true` when not given. */
  readonly extendedMasterSecret?: boolean;
  /** RFC 7366, which matters to CBC; `true` when not given. */
  readonly encryptThenMac?: boolean;
  /** Named in the hello (RFC 6066 §3), and what a certificate that leads to a trust anchor must be for. */
  readonly serverName?: string;
  /** The largest plaintext that the server is to put into a record, bytes: by RFC 6066 §4 (512, 1024, 2048, 4096) or by RFC 8449 (64 and more). */
  readonly maxFragmentLengthBytes?: number;
  readonly recordSizeLimitBytes?: number;
  /** UDP payload, bytes: 576 to 1452; 1200 when not given. */
  readonly maxDatagramBytes?: number;
  readonly retransmission?: RetransmissionSchedule;
}

/** The suites that a client offers. */
export function offeredSuites({ suites, credential }: DtlsClientOptions): readonly number[] {
  if (suites !== undefined) return suites;
  const keyExchange = credential.type === "psk" ? "psk" : "ecdheEcdsa";
  return [...CIPHER_SUITES.values()]
    .filter((suite) => suite.keyExchange === keyExchange && suite.cipher !== "cbc")
    .map(({ id }) => id);
}
