import type { Answer, DtlsServerInput, Question } from "@ferry/dtls";
import { DtlsLockstep, type DtlsLockstepPeer, EMPTY_DTLS_SERVER, SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { mutate, pick } from "./mutate.ts";

/** Datagrams of a run; there are four, and some 20 000 datagrams of strangers. */
const STEPS = Number(process.env.FERRY_FUZZ_ROUNDS ?? 5_000);
const STRANGERS = 20_000;

const LIMITS = {
  wrongKeyTimeoutMs: 1_000,
  maxAssociations: 12,
  maxHandshakes: 8,
  maxHandshakesPerNetwork: 6,
  maxHandshakeBytes: 60_000,
  maxLookups: 4,
  maxLastFlights: 6,
  maxReadyKeys: 5,
  maxComputations: 2,
  maxWaitingComputations: 4,
  handshakesPerSecond: 10_000,
  networkHandshakesPerSecond: 10_000,
};
const QUESTIONS: readonly Question["type"][] = [
  "psk",
  "rawPublicKey",
  "certificate",
  "session",
  "store",
  "find",
  "claim",
  "reserve",
  "compute",
];
const HELLO_VERIFY_REQUEST = 3;
/** In its record: behind headers of 13 and 12 bytes, a version and a length. */
const COOKIE_AT = 28;
const NO_ANSWERS: readonly Answer[] = [{ type: "none" }, { type: "unavailable" }];
/** Questions that `none` answers. */
const MAY_BE_NONE: ReadonlySet<string> = new Set(QUESTIONS.filter((type) => type !== "compute"));

/** What the runs come by: if they do not, they look at too little. */
const REACHED = [
  "established",
  "received",
  "takenOver",
  "closed closeNotify",
  "closed fatalAlert",
  "closed replaced",
  "closed evicted",
  "dropped badMac",
  "dropped replay",
  "dropped parkedFull",
  "handshakeFailed malformed",
  "handshakeFailed unexpectedMessage",
  "handshakeFailed unknownIdentity",
];

/** Keeps every datagram that peers sent. */
class Recorder extends DtlsLockstep {
  readonly corpus: { readonly address: string; readonly bytes: Uint8Array }[] = [];

  override does(input: DtlsServerInput): this {
    if (input.type === "datagram" && this.corpus.length < 2_000) this.corpus.push(input);
    return super.does(input);
  }
}

/** Whole handshakes of every kind, with data. */
function record(talk: DtlsLockstep): void {
  const kinds = [
    {},
    { cid: Uint8Array.of(7, 7) },
    { suite: 0x00a8 },
    { suite: 0x00ae, extensions: { encryptThenMac: true } },
    { suite: 0xc0ae, certificate: "x509" },
    { suite: 0xc02b, certificate: "rawPublicKey", cid: new Uint8Array(0) },
  ] as const;
  for (const [n, options] of kinds.entries()) {
    const peer = talk.peer({ ...options, address: `192.0.2.${n}:1` });
    if ("certificate" in options) peer.associatesByCertificate();
    else peer.associates();
    peer.sends(peer.data("measured"), peer.data("more")).sends(peer.alert(1, 0));
    peer.sessionId = peer.serverHello?.sessionId ?? peer.sessionId;
    peer.reboots().asksForCookie().sends(peer.hello()).reads();
  }
}

describe("a DTLS server", () => {
  const seen = new Set<string>();

  it("gives strangers no more than they sent, and keeps nothing of them, whatever they send", () => {
    const talk = new Recorder();
    record(talk);
    const { corpus } = talk;
    const random = new SeededRandom(9);
    const fresh = new DtlsLockstep({ holds: ["find"] });
    for (let n = 0; n < STRANGERS; n++) {
      const bytes = mutate(random, pick(random, corpus).bytes);
      const address = `198.51.100.${n % 250}:${n}`;
      fresh.does({ type: "datagram", address, bytes });
      const sent = fresh.takeSent(address).reduce((sum, datagram) => sum + datagram.length, 0);
      if (sent > bytes.length) expect(Buffer.from(bytes).toString("hex")).toBe("answered with less");
      while (fresh.askedCount("find") > 0) fresh.answer("find", { type: "none" });
      fresh.told();
    }
    expect(fresh.server.usage).toEqual(EMPTY_DTLS_SERVER);
    expect(fresh.server.deadlineMs).toBeUndefined();
  });

  it.each([1, 2, 3, 4])(
    "never throws, stays within its limits and empties, whatever peers and drivers do (seed %d)",
    (seed) => {
      const random = new SeededRandom(seed);
      const talk = new Recorder({ seed, server: { limits: LIMITS } });
      record(talk);
      const peers = Array.from({ length: 10 }, (_, n) => newPeer(talk, random, n));
      const associations: string[] = [];
      for (let step = 0; step < STEPS; step++) {
        talk.nowMs += random.below(30);
        doSomething(talk, random, peers, associations);
        for (const event of talk.told()) seen.add(event.startsWith("received") ? "received" : event);
        for (const [index, peer] of peers.entries()) {
          const isStuck = random.chance(0.02);
          if (isStuck) peers[index] = newPeer(talk, random, index);
          else if (random.chance(0.5)) talk.takeSent(peer.address);
        }
        const {
          associations: count,
          handshakes,
          handshakeBytes,
          lookups,
          lastFlights,
          keys,
          readyKeys,
        } = talk.server.usage;
        const isBounded =
          count <= LIMITS.maxAssociations &&
          handshakes <= LIMITS.maxHandshakes &&
          handshakeBytes <= LIMITS.maxHandshakeBytes &&
          lookups <= LIMITS.maxLookups &&
          lastFlights <= LIMITS.maxLastFlights &&
          keys <= count + handshakes + lookups &&
          readyKeys <= LIMITS.maxReadyKeys;
        if (!isBounded) expect({ seed, step, usage: talk.server.usage }).toBe("bounded");
      }
      talk.advance(10_000_000);
      expect(talk.server.usage).toEqual(EMPTY_DTLS_SERVER);
      expect(talk.server.deadlineMs).toBeUndefined();
    },
  );

  it("was seen doing all that it may do", () => {
    expect(REACHED.filter((event) => !seen.has(event))).toEqual([]);
  });
});

function newPeer(talk: DtlsLockstep, random: SeededRandom, n: number): DtlsLockstepPeer {
  const cid = random.chance(0.5) ? random.bytes(random.below(4)) : undefined;
  return talk.peer({
    ...(random.chance(0.3) ? { suite: 0xc0ae, certificate: "x509" as const } : {}),
    ...(cid === undefined ? {} : { cid }),
    address: `192.0.2.${n % 5}:${n}`,
  });
}

/** A peer's next word, a damaged one of anybody's, an answer, a command, or time. */
function doSomething(talk: Recorder, random: SeededRandom, peers: readonly DtlsLockstepPeer[], known: string[]): void {
  const peer = pick(random, peers);
  const choice = random.below(10);
  if (choice < 3) {
    const { address, bytes } = pick(random, talk.corpus);
    const from = random.chance(0.5) ? address : peer.address;
    talk.does({ type: "datagram", address: from, bytes: random.chance(0.3) ? bytes : mutate(random, bytes) });
  } else if (choice < 7) {
    speak(talk, random, peer);
  } else if (choice < 8) {
    answerSomething(talk, random);
  } else if (choice < 9) {
    command(talk, random, known);
  } else {
    talk.advance(random.below(random.chance(0.05) ? 100_000 : 500));
  }
}

/** As a test client would, but not always in order: what it cannot say yet is left out. */
function speak(talk: DtlsLockstep, random: SeededRandom, peer: DtlsLockstepPeer): void {
  for (const question of QUESTIONS) {
    if (random.chance(0.7)) talk.holds.delete(question);
    else talk.holds.add(question);
  }
  if (peer.serverHello === undefined || random.chance(0.1)) {
    talk.takeSent(peer.address);
    peer.sends(peer.hello());
    const [first] = talk.takeSent(peer.address);
    if (first?.[COOKIE_AT - 15] === HELLO_VERIFY_REQUEST) peer.cookie = first.subarray(COOKIE_AT);
    peer.sends(peer.hello()).reads();
    return;
  }
  if (peer.master === undefined) {
    const isPsk = peer.suite.keyExchange === "psk";
    if (isPsk) {
      peer.sends(peer.keyExchange());
      if (random.chance(0.8)) peer.sends(peer.changeCipherSpec(), peer.finished());
    } else {
      peer.sends(peer.certificate());
    }
    return;
  }
  const records = [
    peer.data("x"),
    peer.changeCipherSpec(),
    peer.finished(),
    peer.alert(random.below(3), random.below(110)),
  ];
  const epochZero = peer.data("y", { epoch: 0 });
  const wild = peer.data("z", { sequence: random.below(2 ** 31) });
  peer.sends(...[...records, epochZero, wild].filter(() => random.chance(0.4)));
}

function answerSomething(talk: DtlsLockstep, random: SeededRandom): void {
  const waiting = QUESTIONS.filter((type) => talk.askedCount(type) > 0);
  if (waiting.length === 0) return;
  const type = pick(random, waiting);
  if (random.chance(0.6)) {
    talk.answer(type);
    return;
  }
  const { questionId } = talk.asked(type);
  const none = pick(random, NO_ANSWERS);
  const kept: Answer = { type: "kept", mark: { newest: random.below(10), window: random.bytes(8) } };
  const mayBe: Answer = type === "claim" && random.chance(0.5) ? kept : none;
  const answer: Answer = MAY_BE_NONE.has(type) ? mayBe : { type: "unavailable" };
  talk.answer(type, answer);
  // A second time, late.
  talk.does({ type: "answer", question: questionId, answer });
}

function command(talk: DtlsLockstep, random: SeededRandom, known: string[]): void {
  for (const id of talk.answers.associations.keys()) if (!known.includes(id)) known.push(id);
  const association = known.length === 0 ? "nobody" : pick(random, known);
  const kind = random.below(20);
  if (kind === 0)
    talk.does({ type: "close", association, alert: pick(random, ["closeNotify", "accessDenied", undefined]) });
  else if (kind === 1 && random.chance(0.1)) talk.does({ type: "discard" });
  else talk.does({ type: "send", association, bytes: random.bytes(random.below(200)) });
  talk.server.snapshot(association);
}
