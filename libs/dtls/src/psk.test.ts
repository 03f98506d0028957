import { DtlsLockstep, type DtlsLockstepPeer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { ALERT } from "./alert.ts";
import { encodePskClientKeyExchange } from "./messages/client-key-exchange.ts";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";
import { CONTENT_TYPE } from "./record.ts";

describe("a handshake with a pre-shared key (RFC 4279)", () => {
  it("has no ServerKeyExchange, for there is no hint, and ends with Finished", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().asksForCookie();
    expect(peer.sends(peer.hello()).reads()).toEqual(["2", "14"]);
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    expect(peer.reads()).toEqual(["CCS", "20"]);
    expect(talk.hears("established")).toMatchObject({
      resumed: false,
      replaced: undefined,
      association: { principal: "device", suite: 0xc0a8, hasCid: false, provisional: false, address: peer.address },
    });
  });

  it("works without extended master secret, and then without a session", () => {
    const talk = new DtlsLockstep({ holds: ["store"] });
    const peer = talk.peer({ extensions: { extendedMasterSecret: false } }).greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    const { session, association } = talk.asked("store");
    expect([session, association.extendedMasterSecret]).toEqual([undefined, false]);
    talk.answer("store");
    expect(peer.reads()).toEqual(["CCS", "20"]);
  });

  it("stores the association before it says that it is one", () => {
    const talk = new DtlsLockstep({ holds: ["store"] });
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    peer.sends(peer.data("early"));
    expect([peer.reads(), talk.told()]).toEqual([[], []]);
    const { association, grant, session } = talk.asked("store");
    expect(association).toMatchObject({ principal: "device", suite: 0xc0a8, mark: { newest: 0 } });
    expect(association.id).toMatch(/^[A-Za-z0-9_-]{12}$/);
    expect(grant).toEqual({ stamp: Math.floor(Date.UTC(2030, 0, 1) / 1000), slot: 1, from: 0, ceiling: 1024 });
    expect(session).toMatchObject({ principal: "device", serverName: undefined });
    expect(session?.masterSecret).toEqual(peer.master);
    talk.answer("store");
    expect(peer.reads()).toEqual(["CCS", "20"]);
    expect(talk.told()).toEqual(["established", "received early"]);
  });

  it.each(["none", "unavailable"] as const)("ends when the association cannot be stored: %s", (type) => {
    const talk = new DtlsLockstep({ holds: ["store"] });
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    talk.answer("store", { type });
    expect(talk.told()).toEqual(["handshakeFailed unavailable"]);
    expect(talk.server.usage).toMatchObject({ associations: 0, handshakes: 0 });
  });
});

describe("a PSK identity", () => {
  /** What an outsider sees of a handshake: how many bytes came when. */
  function seen(options: { identity?: string; key?: Uint8Array }): {
    readonly reason: string;
    readonly seen: unknown[];
  } {
    const talk = new DtlsLockstep();
    const peer = talk.peer(options).greets();
    const sizes: unknown[] = [];
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    for (let second = 0; second < 90; second++) {
      sizes.push([second, talk.takeSent(peer.address).map((bytes) => bytes.length), talk.server.usage.handshakes]);
      talk.advance(1000);
    }
    return { reason: talk.hears("handshakeFailed").reason, seen: sizes };
  }

  it("that nobody has looks from outside like a wrong key: the same flights, the same silence, the same time", () => {
    const unknown = seen({ identity: "nobody" });
    const wrong = seen({ key: Buffer.alloc(16, 9) });
    expect([unknown.reason, wrong.reason]).toEqual(["unknownIdentity", "wrongKey"]);
    expect(unknown.seen).toEqual(wrong.seen);
  });

  it("that nobody has cannot be used with any key", () => {
    const talk = new DtlsLockstep();
    for (const key of [Buffer.alloc(16), Buffer.alloc(0), Buffer.alloc(32)]) {
      const peer = talk.peer({ identity: "nobody", key }).greets();
      peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
      expect(talk.told()).toEqual(["dropped badMac"]);
      peer.reboots();
    }
  });

  it("that nobody has makes no association even for who guesses the random key", () => {
    const talk = new DtlsLockstep({ server: { random: (size) => new Uint8Array(size) } });
    const peer = talk.peer({ identity: "nobody", key: new Uint8Array(16) }).greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.finished());
    expect(talk.told()).toEqual(["handshakeFailed unknownIdentity"]);
    expect(peer.reads()).toEqual([`alert 2 ${ALERT.DECRYPT_ERROR}`]);
  });

  it("is asked for as bytes, and is in no event", () => {
    const talk = new DtlsLockstep({ holds: ["psk"] });
    const peer = talk.peer().greets();
    const identity = Uint8Array.of(0xff, 0, 0xfe, 0x41);
    peer.sends(peer.keyExchange(encodePskClientKeyExchange(identity)));
    expect(talk.asked("psk")).toMatchObject({ identity, address: peer.address });
    talk.answer("psk", { type: "none" });
    talk.advance(100_000);
    expect(talk.hears("handshakeFailed").principal).toBeUndefined();
  });

  it("of more than 256 bytes is refused", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(encodePskClientKeyExchange(new Uint8Array(257))));
    expect(peer.reads()).toEqual([`alert 2 ${ALERT.DECODE_ERROR}`]);
    expect(talk.told()).toEqual(["handshakeFailed malformed"]);
  });
});

describe("while the key is looked for", () => {
  function asking(): { talk: DtlsLockstep; peer: DtlsLockstepPeer } {
    const talk = new DtlsLockstep({ holds: ["psk"] });
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange());
    return { talk, peer };
  }

  it("ChangeCipherSpec and Finished wait, also in datagrams of their own", () => {
    const { talk, peer } = asking();
    peer.sends(peer.changeCipherSpec()).sends(peer.finished());
    talk.answer("psk");
    expect(talk.told()).toEqual(["established"]);
  });

  it("an answer to something else is a bug of whoever drives it: it throws, and changes nothing", () => {
    const { talk, peer } = asking();
    const question = talk.asked("psk").questionId;
    expect(() => talk.does({ type: "answer", question, answer: { type: "stored" } })).toThrow("stored answers no psk");
    talk.answer("psk");
    peer.sends(peer.changeCipherSpec(), peer.finished());
    expect(talk.told()).toEqual(["established"]);
  });

  it("four records and 2 kB may wait, others are dropped", () => {
    const { talk, peer } = asking();
    peer.sends(
      peer.changeCipherSpec(),
      peer.finished(),
      peer.data("1"),
      peer.data("2"),
      peer.data("3"),
      peer.data("4"),
    );
    expect(talk.told()).toEqual(["dropped parkedFull"]);
    talk.answer("psk");
    expect(talk.told()).toEqual(["established", "received 1", "received 2", "received 3"]);
    const large = asking();
    large.peer.sends(large.peer.data("x".repeat(2100)));
    expect(large.talk.told()).toEqual(["dropped parkedFull"]);
  });

  it("other peers are served", () => {
    const { talk } = asking();
    talk.holds.clear();
    talk.peer({ address: "192.0.2.9:1" }).associates();
    expect(talk.told()).toEqual(["established"]);
  });

  it("the time runs out when nobody answers, silently, and a late answer is ignored", () => {
    const { talk, peer } = asking();
    const { questionId } = talk.asked("psk");
    talk.advance(10_000);
    expect(talk.told()).toEqual(["handshakeFailed unavailable"]);
    expect(peer.reads()).toEqual([]);
    talk.answer("psk").does({ type: "answer", question: questionId, answer: { type: "none" } });
    expect(talk.told()).toEqual([]);
    expect(talk.server.usage).toMatchObject({ handshakes: 0, questions: 0, readyKeys: 0 });
  });

  it("a second answer is ignored", () => {
    const { talk, peer } = asking();
    const { questionId } = talk.asked("psk");
    talk.answer("psk").does({ type: "answer", question: questionId, answer: { type: "none" } });
    peer.sends(peer.changeCipherSpec(), peer.finished());
    expect(talk.told()).toEqual(["established"]);
  });

  it("an answer after the client began anew is ignored", () => {
    const { talk, peer } = asking();
    const { questionId } = talk.asked("psk");
    talk.holds.clear();
    peer.reboots().associates();
    talk.does({ type: "answer", question: questionId, answer: { type: "none" } });
    expect(talk.told()).toEqual(["established"]);
  });
});

describe("the order of messages (RFC 5246 §7.3)", () => {
  const zeros = new Uint8Array(12);
  /** What is sent after the server's first flight, and what becomes of it. */
  const wrongOrders: readonly [
    string,
    (peer: DtlsLockstepPeer) => Uint8Array[],
    readonly string[],
    number | undefined,
  ][] = [
    ["ChangeCipherSpec without key exchange", (peer) => [peer.changeCipherSpec()], ["dropped noHandshake"], undefined],
    [
      "Finished in the clear without key exchange",
      (peer) => [peer.message(HANDSHAKE_TYPE.FINISHED, zeros)],
      ["handshakeFailed unexpectedMessage"],
      ALERT.UNEXPECTED_MESSAGE,
    ],
    [
      "Finished in the clear in place of ChangeCipherSpec",
      (peer) => [peer.keyExchange(), peer.finished({ epoch: 0 })],
      ["dropped noHandshake"],
      undefined,
    ],
    [
      "Finished in the clear behind ChangeCipherSpec",
      (peer) => [peer.keyExchange(), peer.changeCipherSpec(), peer.finished({ epoch: 0 })],
      ["dropped noHandshake"],
      undefined,
    ],
    ["Finished without ChangeCipherSpec", (peer) => [peer.keyExchange(), peer.finished()], [], undefined],
    [
      "data without Finished",
      (peer) => [peer.keyExchange(), peer.changeCipherSpec(), peer.data("early")],
      [],
      undefined,
    ],
    [
      "key exchange twice",
      (peer) => [peer.keyExchange(), peer.keyExchange(encodePskClientKeyExchange(Buffer.from("other")))],
      ["dropped noHandshake"],
      undefined,
    ],
    [
      "a certificate that nobody asked for",
      (peer) => [peer.certificate([])],
      ["handshakeFailed unexpectedMessage"],
      ALERT.UNEXPECTED_MESSAGE,
    ],
    [
      "CertificateVerify that nobody asked for",
      (peer) => [peer.keyExchange(), peer.certificateVerify()],
      ["dropped noHandshake"],
      undefined,
    ],
    [
      "HelloRequest",
      (peer) => [peer.message(HANDSHAKE_TYPE.HELLO_REQUEST, new Uint8Array(0))],
      ["handshakeFailed unexpectedMessage"],
      ALERT.UNEXPECTED_MESSAGE,
    ],
    [
      "a ServerHello",
      (peer) => [peer.message(HANDSHAKE_TYPE.SERVER_HELLO, new Uint8Array(40))],
      ["handshakeFailed unexpectedMessage"],
      ALERT.UNEXPECTED_MESSAGE,
    ],
    [
      "key exchange in a protected record",
      (peer) => [
        peer.keyExchange(),
        peer.changeCipherSpec(),
        peer.message(HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, zeros, { epoch: 1 }),
      ],
      ["handshakeFailed unexpectedMessage"],
      ALERT.UNEXPECTED_MESSAGE,
    ],
    [
      "a ChangeCipherSpec of two bytes",
      (peer) => [
        peer.keyExchange(),
        peer.record(CONTENT_TYPE.CHANGE_CIPHER_SPEC, Uint8Array.of(1, 1)),
        peer.finished(),
      ],
      ["dropped noHandshake"],
      undefined,
    ],
    [
      "Finished of 11 bytes",
      (peer) => [peer.keyExchange(), peer.changeCipherSpec(), peer.finished({ verified: zeros.subarray(1) })],
      ["handshakeFailed malformed"],
      ALERT.DECODE_ERROR,
    ],
    [
      "Finished of 13 bytes",
      (peer) => [peer.keyExchange(), peer.changeCipherSpec(), peer.finished({ verified: new Uint8Array(13) })],
      ["handshakeFailed malformed"],
      ALERT.DECODE_ERROR,
    ],
    [
      "Finished of something else",
      (peer) => [peer.keyExchange(), peer.changeCipherSpec(), peer.finished({ verified: zeros })],
      ["handshakeFailed wrongKey"],
      ALERT.DECRYPT_ERROR,
    ],
  ];

  it.each(wrongOrders)("is kept: %s", (_, records, told, alert) => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(...records(peer));
    expect(talk.told()).toEqual(told);
    expect(peer.reads()).toEqual(alert === undefined ? [] : [`alert 2 ${alert}`]);
    expect(talk.server.usage.associations).toBe(0);
    // Nothing that is sent behind it makes an association of it either.
    peer.sends(peer.master === undefined ? peer.changeCipherSpec() : peer.data("more"));
    expect(talk.told().filter((event) => !event.startsWith("dropped"))).toEqual([]);
  });

  it("passes over what comes in the clear once ChangeCipherSpec was taken", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec());
    const finished = peer.finished();
    const forged = peer.record(
      CONTENT_TYPE.HANDSHAKE,
      Buffer.concat([Uint8Array.of(20, 0, 0, 12, 0, 3, 0, 0, 0, 0, 0, 12), zeros]),
    );
    peer.sends(forged).sends(finished);
    expect(talk.told()).toEqual(["dropped noHandshake", "established"]);
  });

  it("passes over alerts in the clear once ChangeCipherSpec was taken: the client's own would be protected", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec());
    peer.sends(peer.alert(2, ALERT.HANDSHAKE_FAILURE, { epoch: 0 })).sends(peer.finished());
    expect(talk.told()).toEqual(["dropped plaintextAlert", "established"]);
  });

  it("ends the handshake when a protected alert comes in place of Finished", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange(), peer.changeCipherSpec(), peer.alert(2, ALERT.DECRYPT_ERROR));
    expect(talk.told()).toEqual(["handshakeFailed peerAlert"]);
  });

  it("has no room for messages that cannot be next, however long an answer takes", () => {
    const talk = new DtlsLockstep({ holds: ["psk"] });
    const peer = talk.peer().greets();
    peer.sends(peer.keyExchange());
    const filler = (): Uint8Array => peer.message(HANDSHAKE_TYPE.CERTIFICATE_VERIFY, new Uint8Array(8000));
    peer.sends(filler()).sends(filler());
    expect(talk.told()).toEqual(["dropped noHandshake", "dropped noHandshake"]);
    expect(talk.server.usage.handshakeBytes).toBeLessThan(4000);
  });

  it("has no room for them either when they came before their time", () => {
    const talk = new DtlsLockstep({ holds: ["psk"] });
    const peer = talk.peer().greets();
    const exchange = peer.keyExchange();
    peer.sends(peer.message(HANDSHAKE_TYPE.CERTIFICATE_VERIFY, new Uint8Array(8000)));
    expect(talk.server.usage.handshakeBytes).toBeGreaterThan(8000);
    peer.sends(exchange);
    expect([talk.told(), talk.askedCount("psk")]).toEqual([[], 1]);
    expect(talk.server.usage.handshakeBytes).toBeLessThan(4000);
  });

  it("is told by messages, not by datagrams: they may come in any order", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    const [exchange, change] = [peer.keyExchange(), peer.changeCipherSpec()];
    peer.sends(peer.finished()).sends(exchange).sends(change);
    expect(talk.told()).toEqual(["established"]);
  });

  it("has a fatal alert of the client end the handshake, and a warning not", () => {
    const talk = new DtlsLockstep();
    const peer = talk.peer().greets();
    peer.sends(peer.alert(1, ALERT.NO_RENEGOTIATION, { epoch: 0 }));
    expect(talk.server.usage.handshakes).toBe(1);
    peer.sends(peer.alert(2, ALERT.HANDSHAKE_FAILURE, { epoch: 0 }));
    expect(talk.hears("handshakeFailed")).toMatchObject({ reason: "peerAlert", detail: "the client sent alert 40" });
    expect(peer.reads()).toEqual([]);
  });
});
