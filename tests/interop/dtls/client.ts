import type { KeyFiles } from "./pki.ts";

/** Cipher suites by their names in IANA's registry, with their numbers. */
export const SUITES = {
  TLS_PSK_WITH_AES_128_GCM_SHA256: 0x00a8,
  TLS_PSK_WITH_AES_128_CBC_SHA256: 0x00ae,
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 0xc02b,
  TLS_PSK_WITH_AES_128_CCM_8: 0xc0a8,
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: 0xc0ae,
} as const;

export type SuiteName = keyof typeof SUITES;

/** How both sides show who they are. */
export type CredentialKind = "PSK" | "RPK" | "X509";

/** What a client is to connect with. */
export interface Task {
  /** Of the server, on loopback. */
  readonly port: number;
  readonly suite: SuiteName;
  readonly credential: CredentialKind;
  readonly psk: { readonly identity: string; readonly key: Uint8Array };
  /** Its own key and certificate. */
  readonly own: KeyFiles;
  /** Whom it trusts: the CA's certificate, or the server's raw public key. */
  readonly trusted: KeyFiles;
  /** Length of the Connection ID that it wants in records to it; when absent it offers none. */
  readonly cidBytes?: number;
  /** Largest datagram that it sends in a handshake. */
  readonly maxDatagramBytes?: number;
  /** Its first exchange is of a session that it resumed. */
  readonly resumes?: boolean;
}

/** One client at work. */
export interface Connection {
  /** Sends a text, again and again, until it comes back. @throws {ExchangeError} it does not within `patienceMs`, or the client gave up */
  exchange(text: string, patienceMs?: number): Promise<void>;
  /** Ends it; an exchange under way fails. */
  close(): Promise<void>;
}

/** A DTLS client of somebody else's, as a program or in one. */
export type Connect = (task: Task) => Promise<Connection>;

/** A text did not come back. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly code = "EXCHANGE";
}

export const PATIENCE_MS = 10_000;
