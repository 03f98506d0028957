import { sha256Characters } from "./digest.ts";

/** What makes a datagram's record the same on every node. */
export interface EventSource {
  readonly tenant: string;
  readonly endpoint: string;
  readonly registrationId: string;
  /** CON 0, NON 1, ACK 2. */
  readonly messageType: number;
  readonly messageId: number;
  readonly token: Uint8Array;
  /** Value of the Observe option; undefined when there is none. */
  readonly observe: number | undefined;
  readonly payload: Uint8Array;
}

/** Event id: the first 128 bits of SHA-256 over what names the datagram and its payload. 16 bytes. */
export function eventId(source: EventSource): Uint8Array {
  const head = `${source.tenant}/${source.endpoint}\n${source.registrationId}\n${source.messageType}\n${source.messageId}\n${source.observe ?? ""}\n`;
  const text = Buffer.byteLength(head);
  const bytes = Buffer.allocUnsafe(text + 1 + source.token.length + source.payload.length);
  bytes.write(head, 0, "utf8");
  // The length keeps token and payload apart.
  bytes[text] = source.token.length;
  bytes.set(source.token, text + 1);
  bytes.set(source.payload, text + 1 + source.token.length);
  return first128Bits(bytes);
}

/** Event id of what is named by words alone, such as a request id or a registration and what befell it. */
export function namedEventId(...words: readonly (string | number)[]): Uint8Array {
  return first128Bits(words.join("\n"));
}

/** Of SHA-256. */
function first128Bits(data: Uint8Array | string): Uint8Array {
  return Buffer.from(sha256Characters(data).slice(0, 16), "latin1");
}
