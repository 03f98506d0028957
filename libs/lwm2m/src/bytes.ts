import { isUtf8 } from "node:buffer";

/** Joins byte sequences. */
export function concat(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

const UTF8_DECODER = new TextDecoder("utf-8", { ignoreBOM: true });
const UTF8_ENCODER = new TextEncoder();

/** A TextDecoder call costs more than this many characters one by one. */
const SHORT_TEXT_BYTES = 24;

/** The text of UTF-8 bytes in `[offset, end)`; undefined when they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array, offset = 0, end: number = bytes.length): string | undefined {
  if (end - offset <= SHORT_TEXT_BYTES) {
    let text = "";
    let index = offset;
    for (; index < end; index++) {
      const byte = bytes[index] as number; // Callers keep `end` within the bytes.
      if (byte > 0x7f) break;
      text += String.fromCharCode(byte);
    }
    if (index === end) return text;
  }
  const part = bytes.subarray(offset, end);
  return isUtf8(part) ? UTF8_DECODER.decode(part) : undefined;
}

export function encodeUtf8(text: string): Uint8Array {
  return UTF8_ENCODER.encode(text);
}
