/**
 * An association between two ends of somebody else's library, as it was captured: a known answer for the key schedule and for the protection of
 * records. All bytes are hex digits with spaces, line ends and comments (`#` to the end of a line).
 */
export interface RecordedAssociation {
  readonly title: string;
  /** IANA number. */
  readonly suite: number;
  readonly encryptThenMac: boolean;
  readonly extendedMasterSecret: boolean;
  /** Connection IDs in the records *to* the client and *to* the server; empty: none was negotiated. */
  readonly clientCid: string;
  readonly serverCid: string;
  /** Undefined with certificates: then the master secret is known. */
  readonly psk: string | undefined;
  /** As the maker says; undefined where it does not. */
  readonly masterSecret: string | undefined;
  readonly clientRandom: string;
  readonly serverRandom: string;
  /** All handshake messages from the last ClientHello to the ClientKeyExchange, with their headers. */
  readonly handshake: string;
  /** The protected records of each side: its Finished, then one for each of {@link RECORDED_CONTENTS}. Header, explicit nonce or IV, the rest. */
  readonly client: readonly string[];
  readonly server: readonly string[];
}

/** What the client sent, and the server sent back. */
export const RECORDED_CONTENTS: readonly string[] = [
  "CoAP",
  "a",
  "sixteen bytes ok",
  "Forty-seven bytes of content and nothing else.",
];
