/** What DTLS 1.2 shows in the clear, read here and not by libs/dtls: who checks that library must not share its mistakes. */

export const TYPE = { CHANGE_CIPHER_SPEC: 20, HANDSHAKE: 22, TLS12_CID: 25 } as const;
export const MESSAGE = { CLIENT_HELLO: 1, SERVER_HELLO: 2, CLIENT_KEY_EXCHANGE: 16 } as const;

const DTLS_1_2 = 0xfefd;
const CONNECTION_ID = 54;
const RANDOM_AT = 2;
const RANDOM_BYTES = 32;

/** A record (RFC 6347 §4.1, RFC 9146 §4). */
export interface WireRecord {
  readonly type: number;
  readonly epoch: number;
  readonly sequence: number;
  readonly cid: Buffer;
  readonly fragment: Buffer;
  readonly bytes: Buffer;
}

/** A handshake message that came in one piece (RFC 6347 §4.2.2). */
export interface WireMessage {
  readonly type: number;
  readonly body: Buffer;
}

/** Something that is no DTLS 1.2, or that this program cannot follow: what it did not read it cannot vouch for. */
export class UnreadableError extends Error {
  override readonly name = "UnreadableError";
}

/** The records of a datagram; those of type tls12_cid carry a Connection ID of `cidBytes`. @throws {UnreadableError} */
export function readRecords(datagram: Uint8Array, cidBytes: number | undefined): WireRecord[] {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const records: WireRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const cidLength = bytes[at] === TYPE.TLS12_CID ? cidBytes : 0;
    if (cidLength === undefined) throw new UnreadableError("a record has a Connection ID of unknown length");
    const start = at + 13 + cidLength;
    if (start > bytes.length) throw new UnreadableError("a record's header is not whole");
    const end = start + bytes.readUInt16BE(start - 2);
    if (end > bytes.length) throw new UnreadableError("a record is not whole");
    const type = bytes.readUInt8(at);
    const epoch = bytes.readUInt16BE(at + 3);
    if (type < TYPE.CHANGE_CIPHER_SPEC || type > TYPE.TLS12_CID) throw new UnreadableError(`record type ${type}`);
    if (epoch > 0 && bytes.readUInt16BE(at + 1) !== DTLS_1_2)
      throw new UnreadableError("a protected record is not of DTLS 1.2");
    const cid = bytes.subarray(at + 11, at + 11 + cidLength);
    records.push({
      type,
      epoch,
      sequence: bytes.readUIntBE(at + 5, 6),
      cid,
      fragment: bytes.subarray(start, end),
      bytes: bytes.subarray(at, end),
    });
    at = end;
  }
  return records;
}

/** The messages of a handshake record in the clear; of a fragment that is not all of its message, nothing unless it is a hello. @throws {UnreadableError} */
export function readMessages({ fragment }: WireRecord): WireMessage[] {
  const messages: WireMessage[] = [];
  for (let at = 0; at < fragment.length; ) {
    if (at + 12 > fragment.length) throw new UnreadableError("a handshake message's header is not whole");
    const type = fragment.readUInt8(at);
    const [length, offset, part] = [1, 6, 9].map((it) => fragment.readUIntBE(at + it, 3)) as [number, number, number];
    const end = at + 12 + part;
    if (end > fragment.length) throw new UnreadableError("a handshake message is not whole");
    const isWhole = offset === 0 && part === length;
    const isHello = type === MESSAGE.CLIENT_HELLO || type === MESSAGE.SERVER_HELLO;
    if (isHello && !isWhole) throw new UnreadableError("a hello came in fragments");
    if (isWhole) messages.push({ type, body: fragment.subarray(at + 12, end) });
    at = end;
  }
  return messages;
}

/** What a hello tells (RFC 5246 §7.4.1.2, §7.4.1.3, RFC 6347 §4.2.1). */
export interface WireHello {
  /** 32 bytes in hex. */
  readonly random: string;
  /** Of a ServerHello: IANA number of the cipher suite. */
  readonly suite: number | undefined;
  /** What whoever sent it wants in the records that it gets (RFC 9146 §3); undefined: no Connection ID. */
  readonly cid: Buffer | undefined;
}

/** Reads a ClientHello or a ServerHello. @throws {UnreadableError} */
export function readHello({ type, body }: WireMessage): WireHello {
  const random = take(body, RANDOM_AT, RANDOM_BYTES).toString("hex");
  let at = RANDOM_AT + RANDOM_BYTES;
  at += 1 + take(body, at, 1).readUInt8(); // Session id.
  if (type === MESSAGE.SERVER_HELLO) {
    const suite = take(body, at, 2).readUInt16BE();
    return { random, suite, cid: readConnectionId(body, at + 3) };
  }
  at += 1 + take(body, at, 1).readUInt8(); // Cookie.
  at += 2 + take(body, at, 2).readUInt16BE(); // Cipher suites.
  at += 1 + take(body, at, 1).readUInt8(); // Compression methods.
  return { random, suite: undefined, cid: readConnectionId(body, at) };
}

/** The PSK identity of a ClientKeyExchange (RFC 4279 §2). @throws {UnreadableError} */
export function readPskIdentity({ body }: WireMessage): string {
  return take(body, 2, take(body, 0, 2).readUInt16BE()).toString("utf8");
}

function readConnectionId(body: Buffer, extensionsAt: number): Buffer | undefined {
  if (extensionsAt >= body.length) return undefined;
  const extensions = take(body, extensionsAt + 2, take(body, extensionsAt, 2).readUInt16BE());
  for (let at = 0; at < extensions.length; ) {
    const data = take(extensions, at + 4, take(extensions, at + 2, 2).readUInt16BE());
    if (extensions.readUInt16BE(at) === CONNECTION_ID) return take(data, 1, take(data, 0, 1).readUInt8());
    at += 4 + data.length;
  }
  return undefined;
}

function take(bytes: Buffer, at: number, length: number): Buffer {
  if (at + length > bytes.length) throw new UnreadableError(`${length} bytes at ${at} of ${bytes.length}`);
  return bytes.subarray(at, at + length);
}
