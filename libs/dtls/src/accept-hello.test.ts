import { createSecretKey } from "node:crypto";
import { DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer, EMPTY_DTLS_SERVER } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "./alert.ts";
import { EXTENSION, encodeClientExtensions } from "./extensions.ts";
import { EMPTY_RENEGOTIATION_INFO_SCSV } from "./messages/client-hello.ts";
import { encodeHandshakeFragment, HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { CONTENT_TYPE, DTLS_1_0, DTLS_1_2 } from "./record.ts";

/** The server's flight of a PSK handshake: ServerHello, ServerHelloDone. */
const FLIGHT = ["2", "14"];

function extension(type: number, content: readonly number[]): number[] {
  return [type >> 8, type & 0xff, 0, content.length, ...content];
}

/** Hello, cookie, hello; what came back. */
function answered(peer: DtlsLockstepPeer, fields: Parameters<DtlsLockstepPeer["hello"]>[0]): string[] {
  peer.sends(peer.hello(fields));
  peer.cookie = peer.receives()[0]?.content?.subarray(15) ?? new Uint8Array(0);
  return peer.sends(peer.hello({ ...fields, cookie: peer.cookie })).reads();
}

describe("a ClientHello without the right cookie (RFC 6347 §4.2.1)", () => {
  it("gets a HelloVerifyRequest no larger than itself, and nothing is kept of it", () => {
    const talk = new DtlsLockstep();
    for (let n = 0; n < 500; n++) {
      const peer = talk.peer({ address: `192.0.2.1:${1000 + n}` });
      peer.sessionId = talk.random.bytes(n % 2 === 0 ? 32 : 0);
      const hello = peer.hello();
      peer.sends(hello);
      const [answer] = peer.receives();
      expect(answer?.content?.[0]).toBe(HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST);
      expect(answer?.bytes.length).toBeLessThanOrEqual(hello.length);
    }
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
    expect(talk.server.deadlineMs).toBeUndefined();
    expect(talk.told()).toEqual([]);
  });

  it("gets one for all that are in a datagram: packets are not multiplied either", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer();
    const hellos = Array.from({ length: 100 }, () => peer.hello());
    expect(peer.sends(...hellos).receives()).toHaveLength(1);
    expect(new Set(talk.told())).toEqual(new Set(["dropped amplification"]));
    expect(peer.sends(peer.hello()).receives()).toHaveLength(1);
  });

  it("gets the numbers of its record and message back, and version 1.0", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer();
    peer.nextRecord[0] = 7;
    peer.nextMessage = 1;
    const [answer] = peer.sends(peer.hello()).receives();
    expect(answer).toMatchObject({ epoch: 0, sequence: 7 });
    expect(Buffer.from(answer?.bytes ?? []).readUInt16BE(1)).toBe(DTLS_1_0);
    expect([...(answer?.content?.subarray(4, 6) ?? [])]).toEqual([0, 1]);
    expect(Buffer.from(answer?.content ?? []).readUInt16BE(12)).toBe(DTLS_1_0);
  });

  it.each<[string, (peer: DtlsLockstepPeer) => void]>([
    ["made for another address", (peer) => (peer.address = "192.0.2.1:9")],
    ["made for another random", (peer) => (peer.random = peer.random.with(0, (peer.random[0] ?? 0) ^ 1))],
    ["cut off", (peer) => (peer.cookie = peer.cookie.subarray(0, -1))],
    ["longer", (peer) => (peer.cookie = Buffer.concat([peer.cookie, Buffer.alloc(1)]))],
    ["made for another session id", (peer) => (peer.sessionId = new Uint8Array(32))],
  ])("gets another one for a cookie that was %s", (_, change) => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    change(peer);
    expect(peer.sends(peer.hello()).receives()[0]?.content?.[0]).toBe(HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST);
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
  });

  it("goes on with a cookie of an older key, or of another node", () => {
    const older = createSecretKey(Buffer.alloc(32, 1));
    const newer = createSecretKey(Buffer.alloc(32, 2));
    const peer = new DtlsLockstep({ server: { cookieKeys: [older] } }).peer().asksForCookie();
    const talk = new DtlsLockstep({ server: { cookieKeys: [newer, older] } });
    talk.does({ type: "datagram", address: peer.address, bytes: peer.hello() });
    expect(talk.server.usage.handshakes).toBe(1);
  });

  it("may have other extensions than the one with it: wolfSSL 5.9.4 has", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    const extensions = encodeClientExtensions({ extendedMasterSecret: true, maxFragmentLength: 512 });
    expect(peer.sends(peer.hello({ extensions })).reads()).toEqual(FLIGHT);
  });

  it("is dropped in pieces, for they would have to be kept, and when it does not parse", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer();
    const message = { type: HANDSHAKE_TYPE.CLIENT_HELLO, sequence: 0, body: peer.hello().subarray(25) };
    for (const offset of [0, 40]) {
      peer.sends(peer.record(CONTENT_TYPE.HANDSHAKE, encodeHandshakeFragment(message, offset, 40)));
    }
    peer.sends(peer.message(HANDSHAKE_TYPE.CLIENT_HELLO, Buffer.alloc(30)));
    peer.sends(peer.hello({ compressionMethods: Uint8Array.of(1) }));
    expect(talk.told()).toEqual([
      "dropped badFragment",
      "dropped badFragment",
      "dropped malformed",
      "dropped malformed",
    ]);
    expect(peer.receives()).toEqual([]);
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
  });
});

describe("a ClientHello with the right cookie", () => {
  it("is answered with the numbers of its record and message (RFC 6347 §4.2.2)", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    peer.nextRecord[0] = 9;
    const [first] = peer.sends(peer.hello()).receives();
    expect(first).toMatchObject({ epoch: 0, sequence: 9 });
    expect([...(first?.content?.subarray(4, 6) ?? [])]).toEqual([0, 1]);
  });

  it.each([
    ["the last message number", 0xffff, 3],
    ["one of the last record numbers", 1, 2 ** 48 - 2],
  ])("is dropped with %s: there would be none for the answer", (_, message, record) => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    peer.nextMessage = message;
    peer.nextRecord[0] = record;
    expect(peer.sends(peer.hello()).receives()).toEqual([]);
    expect(talk.told()).toEqual(["dropped malformed"]);
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
  });

  it("that comes again with the same random has the flight sent again, with new record numbers, not at once", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    const hello = peer.hello();
    const before = peer.sends(hello).receives();
    expect(peer.sends(hello).receives()).toEqual([]);
    talk.advance(200);
    const after = peer.sends(hello).receives();
    expect(after.map(({ content }) => content)).toEqual(before.map(({ content }) => content));
    expect(Math.min(...after.map(({ sequence }) => sequence))).toBeGreaterThan(
      Math.max(...before.map(({ sequence }) => sequence)),
    );
    expect(talk.server.usage.handshakes).toBe(1);
  });

  it("and another random begins anew", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.reboots().associates();
    expect(talk.told()).toEqual(["established"]);
    expect(talk.server.usage).toMatchObject({ associations: 1, handshakes: 0 });
  });

  it("leaves the association of its address alone until there is another one (RFC 6347 §4.2.8)", () => {
    const talk = new DtlsLockstep();
    const before = talk.peer().associates();
    const { association } = talk.hears("established");
    const after = talk.peer().greets();
    before.sends(before.data("still here"));
    expect(talk.told()).toEqual(["received still here"]);
    talk.does({ type: "send", association: association.id, bytes: Buffer.from("answer") });
    expect(before.reads()).toEqual(["data answer"]);
    after.sends(after.keyExchange(), after.changeCipherSpec(), after.finished());
    expect(talk.hears("closed")).toMatchObject({ reason: "replaced", association: { id: association.id } });
    expect(talk.hears("established").replaced).toBe(association.id);
    before.sends(before.data("too late"));
    after.sends(after.data("new"));
    expect(talk.told()).toEqual(["dropped badMac", "received new"]);
  });

  it("and a handshake that fails leaves it alone, too", () => {
    const talk = new DtlsLockstep();
    const before = talk.peer().associates();
    const after = talk.peer({ key: Buffer.alloc(16) }).greets();
    after.sends(after.keyExchange(), after.changeCipherSpec(), after.finished());
    talk.advance(100_000);
    expect(talk.hears("handshakeFailed").reason).toBe("wrongKey");
    before.sends(before.data("still here"));
    expect(talk.told()).toEqual(["received still here"]);
  });

  it("that comes late, when its handshake has ended, begins nothing", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    const hello = peer.hello();
    peer.sends(hello).reads();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished(), hello);
    talk.does({ type: "datagram", address: peer.address, bytes: hello });
    expect(talk.server.usage).toMatchObject({ associations: 1, handshakes: 0 });
  });
});

describe("what a hello asks for", () => {
  const refusals: readonly [string, Parameters<DtlsLockstepPeer["hello"]>[0], number, string, DtlsLockstepOptions?][] =
    [
      ["DTLS 1.0 only", { version: DTLS_1_0 }, ALERT.PROTOCOL_VERSION, "noCommonParameters"],
      ["TLS 1.2", { version: 0x0303 }, ALERT.PROTOCOL_VERSION, "noCommonParameters"],
      [
        "DTLS 1.3 only",
        { extensions: encodeClientExtensions({ supportedVersions: [0xfefc] }) },
        ALERT.PROTOCOL_VERSION,
        "noCommonParameters",
      ],
      ["none of our suites", { cipherSuites: [0x002f, 0xc013] }, ALERT.HANDSHAKE_FAILURE, "noCommonSuite"],
      [
        "a suite that is not configured",
        { cipherSuites: [0x00ae] },
        ALERT.HANDSHAKE_FAILURE,
        "noCommonSuite",
        { server: { suites: [0xc0a8] } },
      ],
      [
        "no extended master secret, where it is required (RFC 7627 §5.2)",
        { extensions: new Uint8Array(0) },
        ALERT.HANDSHAKE_FAILURE,
        "extendedMasterSecretRequired",
        { server: { extendedMasterSecret: "require" } },
      ],
      [
        "an extension twice",
        { extensions: Uint8Array.from([...extension(23, []), ...extension(23, [])]) },
        ALERT.ILLEGAL_PARAMETER,
        "malformed",
      ],
      [
        "a renegotiation of something (RFC 5746 §3.6)",
        { extensions: Uint8Array.from(extension(EXTENSION.RENEGOTIATION_INFO, [1, 9])) },
        ALERT.HANDSHAKE_FAILURE,
        "malformed",
      ],
      [
        "records of less than 64 bytes (RFC 8449 §4)",
        { extensions: Uint8Array.from(extension(EXTENSION.RECORD_SIZE_LIMIT, [0, 63])) },
        ALERT.ILLEGAL_PARAMETER,
        "malformed",
      ],
      ["extensions that are cut off", { extensions: Uint8Array.of(0, 23, 0) }, ALERT.DECODE_ERROR, "malformed"],
    ];

  it.each(refusals)("is refused: %s", (_, fields, alert, reason, options = {}) => {
    const talk = new DtlsLockstep(options);
    expect(answered(talk.peer(), fields)).toEqual([`alert 2 ${alert}`]);
    expect(talk.told()).toEqual([`handshakeFailed ${reason}`]);
    expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
  });

  it("may be DTLS 1.3 too: it gets 1.2", () => {
    const talk = new DtlsLockstep();
    const extensions = encodeClientExtensions({ supportedVersions: [0xfefc, DTLS_1_2] });
    const peer = talk.peer();
    expect(answered(peer, { extensions, version: 0xfefd })).toEqual(FLIGHT);
    expect(peer.serverHello?.version).toBe(DTLS_1_2);
  });

  it("is granted in the server's order of suites", () => {
    const talk = new DtlsLockstep({ server: { suites: [0x00a8, 0xc0a8] } });
    const peer = talk.peer();
    answered(peer, { cipherSuites: [0xc0a8, 0x00a8] });
    expect(peer.serverHello?.cipherSuite).toBe(0x00a8);
  });

  it.each([
    ["the cipher suite value", { cipherSuites: [0xc0a8, EMPTY_RENEGOTIATION_INFO_SCSV] }],
    ["the extension", { extensions: encodeClientExtensions({ renegotiationInfo: true }) }],
  ])("is granted with an empty renegotiation_info for %s (RFC 5746 §3.6)", (_, fields) => {
    const peer = new DtlsLockstep().peer();
    answered(peer, fields);
    expect(peer.granted.renegotiationInfo).toBe(true);
  });

  it("is granted only where it was asked for", () => {
    const peer = new DtlsLockstep().peer();
    answered(peer, { extensions: new Uint8Array(0) });
    expect(peer.granted).toEqual({});
    expect(peer.serverHello?.sessionId).toHaveLength(0);
  });

  it.each([
    [100, { recordSizeLimit: 100 }, { recordSizeLimit: 16_384 }],
    [512, { maxFragmentLength: 512 }, { maxFragmentLength: 512 }],
    [100, { maxFragmentLength: 512, recordSizeLimit: 100 }, { recordSizeLimit: 16_384 }],
  ])("limits our records to %i bytes: %p (RFC 6066 §4, RFC 8449 §5)", (limit, extensions, granted) => {
    const talk = new DtlsLockstep();
    const peer = talk.peer({ extensions }).associates();
    expect(peer.granted).toMatchObject(granted);
    const { association } = talk.hears("established");
    talk.does({ type: "send", association: association.id, bytes: new Uint8Array(limit + 1) });
    expect(talk.told()).toEqual(["dropped tooLarge"]);
    talk.does({ type: "send", association: association.id, bytes: new Uint8Array(limit) });
    expect(peer.receives()[0]?.content).toHaveLength(limit);
  });
});
