import type { Configuration } from "./model-server.ts";
import type { ModelSymbol } from "./symbols.ts";

/** What a client must have sent, in this order, before the server says so; of the last two any may come first, for datagrams overtake each other. */
export interface LegalPaths {
  readonly established: readonly ModelSymbol[];
  readonly resumed: readonly ModelSymbol[];
}

const RESUMED: readonly ModelSymbol[] = ["HELLO_RESUME", "CHANGE_CIPHER_SPEC", "FINISHED"];
const WITH_CERTIFICATE: LegalPaths = {
  established: [
    "HELLO_COOKIE",
    "CERTIFICATE",
    "ECDH_KEY_EXCHANGE",
    "CERTIFICATE_VERIFY",
    "CHANGE_CIPHER_SPEC",
    "FINISHED",
  ],
  resumed: RESUMED,
};

/** All ways to an association (RFC 5246 §7.3, RFC 6347 §4.2.4, RFC 4279 §2): only behind one of them application data may be accepted. */
export const LEGAL_PATHS: Readonly<Record<Configuration, LegalPaths>> = {
  psk: {
    established: ["HELLO_COOKIE", "PSK_KEY_EXCHANGE", "CHANGE_CIPHER_SPEC", "FINISHED"],
    resumed: RESUMED,
  },
  x509: WITH_CERTIFICATE,
  rpk: WITH_CERTIFICATE,
};
