import { createHash, type Hash } from "node:crypto";
import { DtlsFormatError } from "./errors.ts";
import { encodeHandshake, type HandshakeMessage } from "./messages/handshake-header.ts";

/** Messages that are kept for a CertificateVerify, bytes: some ten of them, each bounded by the reassembly. */
const MAX_KEPT_BYTES = 65_536;

/**
 * The handshake messages as Finished, CertificateVerify and the extended master secret cover them (RFC 6347 §4.2.6, RFC 7627 §3): each with its
 * 12-byte header as if it had come unfragmented, from the ClientHello with the cookie on. HelloVerifyRequest and the hello before it are
 * never added.
 */
export class Transcript {
  readonly #hash: Hash = createHash("sha256");
  #kept: Uint8Array[] | undefined;
  #keptBytes = 0;

  /** `keepsBytes`: a CertificateVerify may come, or is to be made; node:crypto has no ECDSA over a ready digest. */
  constructor({ keepsBytes }: { readonly keepsBytes: boolean }) {
    this.#kept = keepsBytes ? [] : undefined;
  }

  /** Adds a message that was received or is sent. @throws {DtlsFormatError} more than 64 KiB are to be kept */
  add(message: HandshakeMessage): void {
    const bytes = encodeHandshake(message);
    this.#hash.update(bytes);
    if (this.#kept === undefined) return;
    this.#keptBytes += bytes.length;
    if (this.#keptBytes > MAX_KEPT_BYTES) {
      throw new DtlsFormatError(`handshake has more than ${MAX_KEPT_BYTES} bytes before its CertificateVerify`);
    }
    this.#kept.push(bytes);
  }

  /** SHA-256 over all that was added so far. */
  hash(): Uint8Array {
    return this.#hash.copy().digest();
  }

  /** All that was added so far: what a CertificateVerify signs (RFC 5246 §7.4.8). Empty when nothing is kept. */
  bytes(): Uint8Array {
    return Buffer.concat(this.#kept ?? []);
  }

  /** No CertificateVerify will come any more. */
  forgetBytes(): void {
    this.#kept = undefined;
    this.#keptBytes = 0;
  }
}
