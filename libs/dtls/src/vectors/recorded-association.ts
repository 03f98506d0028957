/**
 * An association between two ends of somebody else's library, as it was captured: a known answer for the key schedule and for the protection of
 * records. All bytes are hex digits with spaces, line ends and comments (`#` to the end of a line).
 */
export interface RecordedAssociation {
  readonly title: string;
  /** IANA number. */
  readonly suite: number;
  readonly encryptThenMac: boolean;
  /** Connection IDs in the records *to* the client and *to* the server; empty: none was negotiated. */
  readonly clientCid: string;
  readonly serverCid: string;
  /** Undefined with certificates: then the master secret is known. */
  readonly psk: string | undefined;
  readonly extendedMasterSecret: boolean;
  /** As the maker says; undefined where it does not. */
  readonly masterSecret: string | undefined;
  readonly clientRandom: string;
  readonly serverRandom: string;
  /** All handshake messages from the ClientHello with cookie to the ClientKeyExchange, with their headers. */
  readonly handshake: string;
  /** The protected records, in order; the first of each side is its Finished. */
  readonly records: readonly RecordedRecord[];
}

/** A protected record, and what its maker put into it. */
export type RecordedRecord = {
  readonly from: "client" | "server";
  readonly record: string;
} & ({ readonly type: "finished" | "closeNotify" } | { readonly type: "data"; readonly content: string });
