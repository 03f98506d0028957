import {
  DtlsLockstep,
  type DtlsLockstepOptions,
  type DtlsLockstepPeer,
  type DtlsLockstepPeerOptions,
} from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { HANDSHAKE_TYPE } from "./messages/handshake-header.ts";

const FULL = ["2", "14"];
const ABBREVIATED = ["2", "CCS"];

/** A device that has had an association, and has rebooted with its session. */
function withSession(
  options: DtlsLockstepPeerOptions = {},
  lockstep: DtlsLockstepOptions = {},
): { talk: DtlsLockstep; peer: DtlsLockstepPeer; master: Uint8Array } {
  const talk = new DtlsLockstep(lockstep);
  const peer = talk.peer(options).associates();
  const master = peer.master ?? new Uint8Array(0);
  peer.sessionId = peer.serverHello?.sessionId ?? new Uint8Array(0);
  talk.told();
  return { talk, peer: peer.reboots(), master };
}

/** Hello, cookie, hello; what came back, up to what only the keys open. */
function answered(peer: DtlsLockstepPeer, fields: Parameters<DtlsLockstepPeer["hello"]>[0] = {}): string[] {
  peer.sends(peer.hello(fields));
  peer.cookie = peer.receives()[0]?.content?.subarray(15) ?? new Uint8Array(0);
  return peer
    .sends(peer.hello({ ...fields, cookie: peer.cookie }))
    .reads()
    .slice(0, 2);
}

/** Goes on to the end with the keys of the session: hears the server's Finished, which came sealed, again. */
function resumes({ talk, peer, master }: ReturnType<typeof withSession>): void {
  peer.asksForCookie();
  const hello = peer.hello();
  peer.sends(hello).reads();
  peer.useMaster(master);
  talk.advance(1_200);
  expect(peer.reads()).toEqual(["repeated", "CCS", "20"]);
  peer.sends(peer.changeCipherSpec(), peer.finished());
}

describe("a session (RFC 5246 §7.3)", () => {
  it("is resumed without key exchange, with new keys, for the same principal", () => {
    const both = withSession();
    resumes(both);
    expect(both.talk.hears("established")).toMatchObject({ resumed: true, association: { principal: "device" } });
    both.peer.sends(both.peer.data("on"));
    expect(both.talk.told()).toEqual(["received on"]);
  });

  it("is looked for only once the cookie is right", () => {
    const { talk, peer } = withSession({}, { holds: ["session"] });
    peer.sends(peer.hello());
    expect(talk.askedCount("session")).toBe(0);
    expect(peer.receives()[0]?.content?.[0]).toBe(HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST);
    expect(talk.server.usage.handshakes).toBe(0);
  });

  it("stores the association when the client's Finished came, and no session again", () => {
    const both = withSession();
    both.talk.holds.add("store");
    resumes(both);
    const { association, session, grant } = both.talk.asked("store");
    expect([association.mark.newest, session, grant.from]).toEqual([0, undefined, 2]);
    both.peer.sends(both.peer.data("early"));
    expect(both.talk.told()).toEqual([]);
    both.talk.answer("store");
    expect(both.talk.told()).toEqual(["closed replaced", "established", "received early"]);
    // The client's flight was the last one.
    expect(both.peer.reads()).toEqual([]);
    expect(both.talk.server.usage.lastFlights).toBe(0);
  });

  it.each<[string, DtlsLockstepPeerOptions, Parameters<DtlsLockstepPeer["hello"]>[0], DtlsLockstepOptions?]>([
    ["the suite is not offered", {}, { cipherSuites: [0x00a8] }],
    ["the session id is another", {}, { sessionId: new Uint8Array(32) }],
    ["extended master secret is not offered (RFC 7627 §5.3)", {}, { extensions: new Uint8Array(0) }],
  ])("is not resumed when %s: a full handshake follows", (_, options, fields) => {
    const { talk, peer } = withSession(options);
    expect(answered(peer, fields)).toEqual(FULL);
    expect(peer.serverHello?.sessionId).not.toEqual(peer.sessionId);
    expect(talk.told()).toEqual([]);
  });

  it.each([
    ["another server name (RFC 6066 §3)", { serverName: "b.example" }],
    ["no server name", { serverName: undefined }],
  ])("is not resumed for %s", (_, extensions) => {
    const { talk, peer } = withSession({ extensions: { serverName: "a.example" } });
    const other = talk.peer({ extensions });
    other.sessionId = peer.sessionId;
    expect(answered(other)).toEqual(FULL);
    expect(answered(peer)).toEqual(ABBREVIATED);
  });

  it("is not resumed without encrypt-then-MAC when it was made with it (RFC 7366)", () => {
    const { talk, peer } = withSession({ suite: 0x00ae, extensions: { encryptThenMac: true } });
    const other = talk.peer({ suite: 0x00ae });
    other.sessionId = peer.sessionId;
    expect(answered(other)).toEqual(FULL);
    expect(answered(peer)).toEqual(ABBREVIATED);
  });

  it("is not resumed with a suite that is not allowed any more", () => {
    const { talk, peer } = withSession();
    const other = new DtlsLockstep({ answers: talk.answers, server: { suites: [0x00a8] } }).peer();
    other.sessionId = peer.sessionId;
    expect(answered(other, { cipherSuites: [0xc0a8, 0x00a8] })).toEqual(FULL);
  });

  it("is not resumed when whoever answers says so: its credential changed", () => {
    const { talk, peer } = withSession({}, { holds: ["session"] });
    answered(peer);
    talk.answer("session", { type: "none" });
    expect(peer.reads()).toEqual(FULL);
  });

  it("whose look-up is not answered ends the handshake silently, and a late answer is ignored", () => {
    const { talk, peer } = withSession({}, { holds: ["session"] });
    answered(peer);
    const { questionId } = talk.asked("session");
    talk.advance(10_000);
    expect(talk.told()).toEqual(["handshakeFailed unavailable"]);
    talk.does({ type: "answer", question: questionId, answer: { type: "none" } });
    expect([peer.reads(), talk.server.usage.handshakes]).toEqual([[], 0]);
  });

  it("is not resumed by who does not have its master secret", () => {
    const { talk, peer } = withSession();
    peer.asksForCookie();
    peer.sends(peer.hello()).reads();
    peer.useMaster(new Uint8Array(48)).sends(peer.changeCipherSpec(), peer.finished());
    talk.advance(20_000);
    expect(talk.told()).toEqual(["dropped badMac", "handshakeFailed wrongKey"]);
  });

  it("is not resumed by Finished without ChangeCipherSpec", () => {
    const { talk, peer, master } = withSession();
    peer.asksForCookie();
    peer.sends(peer.hello()).reads();
    peer.useMaster(master).sends(peer.finished());
    talk.advance(100_000);
    expect(talk.told()).toEqual(["handshakeFailed timeout"]);
  });
});
