const SEQUENCE = 0x30;
const INTEGER = 0x02;
/** An INTEGER of P-256 has at most 32 bytes, and a zero before them where the first bit is set. */
const MAX_INTEGER_BYTES = 33;

/**
 * Whether bytes are the one DER form of an ECDSA signature over P-256, with nothing behind it (RFC 8422 §5.10, X.690 §8.3, §10.1).
 * ```
 * Ecdsa-Sig-Value ::= SEQUENCE { r INTEGER, s INTEGER }
 * ```
 */
export function isStrictDer(signature: Uint8Array): boolean {
  // Both integers take at most 70 bytes: lengths have one byte.
  if (signature[0] !== SEQUENCE || signature[1] !== signature.length - 2) return false;
  const s = endOfInteger(signature, 2);
  return s !== undefined && endOfInteger(signature, s) === signature.length;
}

/** Where a positive INTEGER that starts at `offset` ends; undefined when there is none, or one with bytes too many. */
function endOfInteger(bytes: Uint8Array, offset: number): number | undefined {
  const [tag, length = 0, first = 0, second = 0] = bytes.subarray(offset, offset + 4);
  const end = offset + 2 + length;
  if (tag !== INTEGER || length === 0 || length > MAX_INTEGER_BYTES || end > bytes.length) return undefined;
  if (first >= 0x80) return undefined; // negative
  if (first === 0 && (length === 1 || second < 0x80)) return undefined; // zero, or not minimal
  return end;
}
