import type { Configuration } from "./model-server.ts";
import { ANSWER, type ModelSymbol } from "./symbols.ts";

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

const WITH_PSK: LegalPaths = {
  established: ["HELLO_COOKIE", "PSK_KEY_EXCHANGE", "CHANGE_CIPHER_SPEC", "FINISHED"],
  resumed: RESUMED,
};

/** All ways to an association (RFC 5246 §7.3, RFC 6347 §4.2.4, RFC 4279 §2): only behind one of them application data may be accepted. */
export const LEGAL_PATHS: Readonly<Record<Configuration, LegalPaths>> = {
  psk: WITH_PSK,
  x509: WITH_CERTIFICATE,
  rpk: WITH_CERTIFICATE,
  "psk-late": WITH_PSK,
};

/** Behind these the server asks something: for a session, for a key, that the association is stored. */
const ASKED: ReadonlySet<ModelSymbol> = new Set<ModelSymbol>(["HELLO_RESUME", "PSK_KEY_EXCHANGE", "FINISHED"]);

/** A path without certificates, with all that is asked for answered at once. */
export function answeredPath(path: readonly ModelSymbol[]): (ModelSymbol | typeof ANSWER)[] {
  return path.flatMap((symbol) => (ASKED.has(symbol) ? [symbol, ANSWER] : [symbol]));
}
