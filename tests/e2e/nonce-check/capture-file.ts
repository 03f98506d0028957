/** A datagram between a client and a node, as a balancer on 127.0.0.1 saw it. */
export interface CapturedDatagram {
  readonly from: "client" | "server";
  /** When it was seen, ms since 1970. */
  readonly atMs: number;
  /** Port of the client; with it a flow begins anew. */
  readonly clientPort: number;
  /** Port of the node. */
  readonly nodePort: number;
  readonly bytes: Uint8Array;
}

/*
 *  0        1                    7           9          11        13
 *  +--------+--------------------+-----------+-----------+---------+----------
 *  | from   | at                 | client    | node      | length  | bytes …
 *  +--------+--------------------+-----------+-----------+---------+----------
 */
const HEADER_BYTES = 13;
const FROM_SERVER = 1;

/** An entry of a capture file, which is one after another. */
export function encodeEntry({ from, atMs, clientPort, nodePort, bytes }: CapturedDatagram): Buffer {
  const entry = Buffer.alloc(HEADER_BYTES + bytes.length);
  entry.writeUInt8(from === "server" ? FROM_SERVER : 0, 0);
  entry.writeUIntBE(Math.floor(atMs), 1, 6);
  entry.writeUInt16BE(clientPort, 7);
  entry.writeUInt16BE(nodePort, 9);
  entry.writeUInt16BE(bytes.length, 11);
  entry.set(bytes, HEADER_BYTES);
  return entry;
}

/** The entries of a capture file; they share its bytes. @throws {RangeError} the last one is not whole */
export function* decodeEntries(file: Buffer): Generator<CapturedDatagram> {
  for (let at = 0; at < file.length; ) {
    const start = at + HEADER_BYTES;
    const end = start + (start <= file.length ? file.readUInt16BE(at + 11) : 0);
    if (end > file.length) throw new RangeError(`the entry at byte ${at} ends beyond the file of ${file.length} bytes`);
    yield {
      from: file[at] === FROM_SERVER ? "server" : "client",
      atMs: file.readUIntBE(at + 1, 6),
      clientPort: file.readUInt16BE(at + 7),
      nodePort: file.readUInt16BE(at + 9),
      bytes: file.subarray(start, end),
    };
    at = end;
  }
}
