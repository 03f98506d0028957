import assert from "node:assert";
import type { KeyObject } from "node:crypto";
import type { Random } from "@ferry/coap";
import { cipherSuite } from "./cipher-suite.ts";
import { MAX_CONNECTION_ID_BYTES, MIN_CONNECTION_ID_BYTES } from "./connection-id.ts";
import { MAX_DATAGRAM_BYTES, MIN_DATAGRAM_BYTES } from "./flight.ts";
import type { DtlsLimits } from "./limits.ts";
import type { ServerIdentity } from "./server-io.ts";

/** How a peer's key is shown in a handshake with certificates (RFC 7250). */
export type CertificateKind = "rawPublicKey" | "x509";

/** What a {@link DtlsServer} is made of. */
export interface DtlsServerOptions {
  /** Uniformly random bytes of cryptographic quality. */
  readonly random: Random;
  /** Ms since 1970: dates of associations and stamps of nonces. Timers run on the monotonic clock of `handle`. */
  readonly wallMs: () => number;
  /** This node's, 0 to 255: a part of each nonce and a hint in each Connection ID. */
  readonly slot: number;
  /** IANA numbers of the allowed cipher suites, the most wanted first; one for which `identity` has nothing is left out. */
  readonly suites: readonly number[];
  /** Length of our Connection IDs: 8 to 12, the same on every node; 0 turns them off (RFC 9146). */
  readonly cidLengthBytes: number;
  /** Shared by all nodes: the first makes cookies, all verify them. */
  readonly cookieKeys: readonly KeyObject[];
  /** RFC 7627; `prefer` also takes clients that lack it, without resumption. */
  readonly extendedMasterSecret: "prefer" | "require";
  /** Explicit nonces of records: by grant, so that two nodes never share one; `sequence`, by epoch and number, for a modem that insists. */
  readonly nonce: "stamped" | "sequence";
  /** Largest datagram of a handshake, bytes: 576 to 1452. */
  readonly mtuBytes: number;
  /** Keys and certificates of the server; asked at each handshake. */
  readonly identity: ServerIdentity;
  /** How clients may show their key, the most wanted first. They always must: there is no handshake with a nameless client. */
  readonly clientCertificates: readonly CertificateKind[];
  readonly limits?: Partial<DtlsLimits>;
}

/** What whoever makes a server must have checked before. */
export function checkOptions({ suites, cidLengthBytes, cookieKeys, mtuBytes, slot }: DtlsServerOptions): void {
  for (const id of suites) assert(cipherSuite(id) !== undefined, `cipher suite ${id} is not spoken here`);
  const hasCidLength = cidLengthBytes >= MIN_CONNECTION_ID_BYTES && cidLengthBytes <= MAX_CONNECTION_ID_BYTES;
  assert(
    cidLengthBytes === 0 || hasCidLength,
    `a Connection ID has 8 to 12 bytes, or 0 for none, not ${cidLengthBytes}`,
  );
  assert(cookieKeys.length > 0, "cookies need a key");
  assert(mtuBytes >= MIN_DATAGRAM_BYTES && mtuBytes <= MAX_DATAGRAM_BYTES, `mtuBytes is ${mtuBytes}, not 576 to 1452`);
  assert(Number.isInteger(slot) && slot >= 0 && slot <= 0xff, `slot is ${slot}, not 0 to 255`);
}
