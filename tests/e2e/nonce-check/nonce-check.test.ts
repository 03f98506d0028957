import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runProgram } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type CapturedDatagram, decodeEntries, encodeEntry } from "./capture-file.ts";
import { findNonceReuse } from "./find-reuse.ts";

const CCM_8 = 0xc0a8;
const CBC = 0x00ae;
const DEVICE = 40_001;
const [FIRST_NODE, SECOND_NODE] = [5686, 5687];

interface Hello {
  readonly random: number;
  readonly suite?: number;
  /** Connection IDs in hex; "" is an empty one. */
  readonly clientCid?: string;
  readonly serverCid?: string;
}

/** Builds captures byte by byte, from RFC 6347 §4.1 and §4.2.2, RFC 5246 §7.4.1, RFC 4279 §2 and RFC 9146 §3, §4. */
class Capture {
  readonly datagrams: CapturedDatagram[] = [];

  client(bytes: Buffer, clientPort = DEVICE): this {
    return this.#add("client", bytes, clientPort, FIRST_NODE);
  }

  server(bytes: Buffer, { clientPort = DEVICE, nodePort = FIRST_NODE } = {}): this {
    return this.#add("server", bytes, clientPort, nodePort);
  }

  /** A handshake with PSK, as far as it shows. */
  handshake({ random, suite = CCM_8, clientCid, serverCid }: Hello, clientPort = DEVICE): this {
    const finished = record(22, 1, Buffer.alloc(24, random), { cid: serverCid === undefined ? undefined : clientCid });
    return this.client(record(22, 0, clientHello(random, clientCid)), clientPort)
      .server(record(22, 0, serverHello(random, suite, serverCid)), { clientPort })
      .client(record(22, 0, message(16, sized(2, Buffer.from(`device-${clientPort}`)))), clientPort)
      .server(Buffer.concat([record(20, 0, Buffer.of(1)), suite === CBC ? Buffer.alloc(0) : finished]), { clientPort });
  }

  #add(from: "client" | "server", bytes: Buffer, clientPort: number, nodePort: number): this {
    this.datagrams.push({ from, atMs: 1_700_000_000_000 + this.datagrams.length, clientPort, nodePort, bytes });
    return this;
  }
}

function sized(lengthBytes: number, content: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUIntBE(content.length, 0, lengthBytes);
  return Buffer.concat([length, content]);
}

function record(
  type: number,
  epoch: number,
  fragment: Buffer,
  { cid }: { readonly cid?: string | undefined } = {},
): Buffer {
  const header = Buffer.from("00fefd0000000000000000", "hex");
  header[0] = cid ? 25 : type;
  header[4] = epoch;
  return Buffer.concat([header, Buffer.from(cid ?? "", "hex"), sized(2, fragment)]);
}

function message(type: number, body: Buffer): Buffer {
  const length = sized(3, body).subarray(0, 3);
  return Buffer.concat([Buffer.of(type), length, Buffer.of(0, 0), Buffer.of(0, 0, 0), length, body]);
}

function extensions(cid: string | undefined): Buffer {
  const others = Buffer.from("00170000", "hex"); // extended_master_secret, empty.
  const own =
    cid === undefined
      ? Buffer.alloc(0)
      : Buffer.concat([Buffer.of(0, 54), sized(2, sized(1, Buffer.from(cid, "hex")))]);
  return sized(2, Buffer.concat([others, own]));
}

function clientHello(random: number, cid: string | undefined): Buffer {
  const head = Buffer.concat([Buffer.from("fefd", "hex"), Buffer.alloc(32, random), Buffer.of(0)]);
  const lists = Buffer.concat([
    sized(1, Buffer.alloc(20)),
    sized(2, Buffer.from("c0a8", "hex")),
    sized(1, Buffer.of(0)),
  ]);
  return message(1, Buffer.concat([head, lists, extensions(cid)]));
}

function serverHello(random: number, suite: number, cid: string | undefined): Buffer {
  const head = Buffer.concat([Buffer.from("fefd", "hex"), Buffer.alloc(32, 255 - random), sized(1, Buffer.alloc(32))]);
  return message(2, Buffer.concat([head, Buffer.of(suite >> 8, suite & 255, 0), extensions(cid)]));
}

/** A record of application data with an explicit nonce; `text` stands for what is encrypted. */
function sealed(nonce: number, text: string, cid?: string): Buffer {
  return record(23, 1, Buffer.concat([Buffer.alloc(7), Buffer.of(nonce), Buffer.from(text)]), { cid });
}

const CID = "a1a2a3a4a5a6a7a8";

describe("a search for explicit nonces that were used twice under one key", () => {
  it("finds none where each is used once", () => {
    const { datagrams } = new Capture().handshake({ random: 1 }).server(sealed(9, "a")).server(sealed(10, "a"));
    expect(findNonceReuse(datagrams)).toMatchObject({
      keys: 1,
      sealed: 3,
      sharedKeys: 0,
      reused: 0,
      identical: 0,
      unreadable: 0,
    });
  });

  it("finds a nonce under which two nodes sealed different records, and says which nodes", () => {
    const { datagrams } = new Capture()
      .handshake({ random: 1 })
      .server(sealed(9, "first"))
      .server(sealed(9, "other"), { nodePort: SECOND_NODE });
    const { reused, reuses, sharedKeys } = findNonceReuse(datagrams);
    expect({ reused, sharedKeys }).toEqual({ reused: 1, sharedKeys: 1 });
    expect(reuses).toMatchObject([
      { clientPort: DEVICE, nonce: "0000000000000009", nodePorts: [FIRST_NODE, SECOND_NODE] },
    ]);
  });

  it("counts a record that was sent again byte by byte apart: it tells nothing new", () => {
    const { datagrams } = new Capture().handshake({ random: 1 }).server(sealed(9, "a")).server(sealed(9, "a"));
    expect(findNonceReuse(datagrams)).toMatchObject({ reused: 0, identical: 1 });
  });

  it("takes a handshake from the same address for a new key, from the server's ChangeCipherSpec on", () => {
    const capture = new Capture()
      .handshake({ random: 1 })
      .server(sealed(9, "a"))
      .handshake({ random: 2 })
      .server(sealed(9, "b"));
    expect(findNonceReuse(capture.datagrams)).toMatchObject({ keys: 2, reused: 0 });
    const unfinished = new Capture().handshake({ random: 1 }).server(sealed(9, "a"));
    unfinished.client(record(22, 0, clientHello(2, undefined))).server(record(22, 0, serverHello(2, CCM_8, undefined)));
    expect(findNonceReuse(unfinished.server(sealed(9, "b")).datagrams)).toMatchObject({ keys: 1, reused: 1 });
  });

  it("does not take a flight that is sent again for a new key", () => {
    const capture = new Capture()
      .handshake({ random: 1 })
      .server(sealed(9, "a"))
      .handshake({ random: 1 })
      .server(sealed(9, "b"));
    expect(findNonceReuse(capture.datagrams)).toMatchObject({ keys: 1, reused: 1 });
  });

  it("keeps devices apart: their keys differ, whatever their nonces", () => {
    const capture = new Capture()
      .handshake({ random: 1 })
      .handshake({ random: 2 }, DEVICE + 1)
      .server(sealed(9, "a"));
    expect(findNonceReuse(capture.server(sealed(9, "b"), { clientPort: DEVICE + 1 }).datagrams)).toMatchObject({
      keys: 2,
      reused: 0,
    });
  });

  it("follows a key to another address by the Connection ID that the server gave", () => {
    const capture = new Capture().handshake({ random: 1, clientCid: "", serverCid: CID }).server(sealed(9, "a"));
    capture.client(sealed(1, "moved", CID), DEVICE + 1).server(sealed(9, "b"), { clientPort: DEVICE + 1 });
    expect(findNonceReuse(capture.datagrams)).toMatchObject({ keys: 1, reused: 1, unreadable: 0 });
  });

  it("reads past the client's Connection ID in the server's records", () => {
    const capture = new Capture()
      .handshake({ random: 1, clientCid: "c1c2", serverCid: CID })
      .server(sealed(9, "a", "c1c2"));
    expect(findNonceReuse(capture.server(sealed(9, "b", "c1c2")).datagrams)).toMatchObject({
      keys: 1,
      sealed: 3,
      reused: 1,
    });
  });

  it("counts sequence numbers that came again with another nonce apart: no danger, but the peer drops them", () => {
    const capture = new Capture().handshake({ random: 1 }).server(sealed(9, "a"));
    const [once, again] = [1, 2].map((nonce) => {
      const bytes = sealed(nonce, "late");
      bytes.writeUIntBE(70_000, 5, 6);
      return bytes;
    }) as [Buffer, Buffer];
    expect(findNonceReuse(capture.datagrams).repeatedSequences).toBe(1); // Its handshake's Finished has number 0 too.
    expect(findNonceReuse(capture.server(once).server(again).datagrams)).toMatchObject({
      repeatedSequences: 2,
      reused: 0,
    });
  });

  it("only counts records of a suite without explicit nonce", () => {
    const { datagrams } = new Capture()
      .handshake({ random: 1, suite: CBC })
      .server(sealed(9, "a"))
      .server(sealed(9, "b"));
    expect(findNonceReuse(datagrams)).toMatchObject({ sealed: 0, others: 2, reused: 0 });
  });

  it("vouches for nothing that it cannot follow", () => {
    const half = clientHello(1, undefined);
    half.writeUIntBE(10, 9, 3);
    const capture = new Capture()
      .client(record(22, 0, half.subarray(0, 22)))
      .server(sealed(9, "whose key?"))
      .server(Buffer.from("a text, no record"))
      .server(sealed(9, "cut").subarray(0, 20));
    expect(findNonceReuse(capture.datagrams).unreadable).toBe(4);
  });

  it("tells who began a handshake and when: a hello that is sent again, or with its cookie, is the same one", () => {
    const capture = new Capture().handshake({ random: 1 }).handshake({ random: 1 }).handshake({ random: 2 });
    capture.client(record(22, 0, clientHello(3, undefined)), DEVICE + 1);
    const { handshakes } = findNonceReuse(capture.datagrams);
    expect(handshakes.map(({ identity }) => identity)).toEqual([`device-${DEVICE}`, `device-${DEVICE}`, undefined]);
    expect(handshakes[0]?.atMs).toBe(capture.datagrams[0]?.atMs);
  });
});

describe("the program nonce-check", () => {
  const MAIN = "tests/e2e/nonce-check/main.ts";
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ferry-nonce-check-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ["0 when no nonce was used twice", new Capture().handshake({ random: 1 }), 0],
    ["1 when one was", new Capture().handshake({ random: 1 }).server(sealed(9, "a")).server(sealed(9, "b")), 1],
    ["2 when it cannot follow a record", new Capture().handshake({ random: 1 }).server(Buffer.from("no record")), 2],
    ["2 when there is nothing to vouch for", new Capture(), 2],
  ] as const)("ends with %s", async (_, { datagrams }, expected) => {
    const path = join(folder, "capture");
    await writeFile(path, Buffer.concat(datagrams.map(encodeEntry)));
    const { code, stdout } = await runProgram(MAIN, [path]);
    expect({ code, datagrams: JSON.parse(stdout).datagrams }).toEqual({ code: expected, datagrams: datagrams.length });
  });
});

describe("a capture file", () => {
  it("gives back what was written", () => {
    const { datagrams } = new Capture().handshake({ random: 1 }, 65_535).server(Buffer.alloc(0));
    expect([...decodeEntries(Buffer.concat(datagrams.map(encodeEntry)))]).toEqual(datagrams);
  });

  it("that ends too early is refused", () => {
    const entry = encodeEntry({ from: "client", atMs: 1, clientPort: 1, nodePort: 2, bytes: Buffer.from("abc") });
    for (const end of [5, 12, 15]) expect(() => [...decodeEntries(entry.subarray(0, end))]).toThrow(RangeError);
  });
});
