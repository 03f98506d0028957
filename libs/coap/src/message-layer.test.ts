import { ACK, CON, hex, Lockstep, NON, RST } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { CODE } from "./code.ts";
import { uintOption } from "./option.ts";
import { OPTION } from "./option-registry.ts";
import { CoapStack } from "./stack.ts";
import type { StackInput } from "./stack-io.ts";

const get: StackInput & { type: "request" } = {
  type: "request",
  exchange: 1,
  peer: "device",
  code: CODE.GET,
  options: [],
  payload: new Uint8Array(0),
  token: hex("aa"),
};

/** Randomness without any: Message IDs begin at 0 and the first wait is ACK_TIMEOUT exactly. */
const zeros = (size: number): Uint8Array => new Uint8Array(size);

function conversation() {
  const lockstep = new Lockstep({ random: zeros });
  return { lockstep, device: lockstep.peer("device") };
}

describe("reliability (RFC 7252 §4.2)", () => {
  it("retransmits a CON after 2, 4, 8 and 16 s and gives up after 32 s more", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    const { messageId } = device.expects(CON, "GET");
    for (const waitMs of [2_000, 4_000, 8_000, 16_000]) {
      lockstep.advance(waitMs - 1);
      device.expectsNothing();
      lockstep.advance(1);
      device.expects(CON, "GET", { messageId, token: "aa" });
    }
    lockstep.advance(31_999).hearsNothing();
    lockstep.advance(1).hears("failed", { exchange: 1, reason: "timeout" });
    device.expectsNothing();
  });

  it("does not repeat a message after standing still for so long that the peer may have forgotten it (§4.8.2)", () => {
    const stack = new CoapStack({ random: zeros });
    stack.handle(get, 0);
    expect(stack.tick(2_000 + 102_001)).toEqual([{ type: "failed", exchange: 1, peer: "device", reason: "timeout" }]);
    const sooner = new CoapStack({ random: zeros });
    sooner.handle(get, 0);
    expect(sooner.tick(2_000 + 102_000)).toMatchObject([{ type: "send", exchange: 1 }]);
  });

  it("does not repeat a message when its peer does not listen any more, and waits for the answer as long as ever", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...get, repeatUntilMs: lockstep.nowMs + 5_999 });
    device.expects(CON, "GET");
    lockstep.advance(2_000);
    device.expects(CON, "GET");
    lockstep.advance(59_999).hearsNothing();
    lockstep.advance(1).hears("failed", { exchange: 1, reason: "timeout" });
    device.expectsNothing();
  });

  it("waits for the response of a peer that acknowledged while it listened, and goes on with further blocks", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...get, repeatUntilMs: lockstep.nowMs + 1_000 });
    const first = device.expects(CON, "GET");
    device.acknowledges(first);
    lockstep.hears("acknowledged", { exchange: 1 });
    lockstep.advance(60_000).hearsNothing();
    const block = { messageId: 9, token: "aa", block2: "0/1/1024", payload: "x".repeat(1024) };
    device.sends(CON, "2.05", "", block).expects(ACK, "0.00", { messageId: 9 });
    const { messageId } = device.expects(CON, "GET", { block2: "1/0/1024" });
    lockstep.advance(2_000);
    device.expects(CON, "GET", { messageId });
  });

  it("does not repeat a further block either when its peer does not listen any more", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...get, repeatUntilMs: lockstep.nowMs + 1_000, repeatForMs: 5_999 });
    const { messageId } = device.expects(CON, "GET");
    lockstep.advance(1_000);
    device.sends(ACK, "2.05", "", { messageId, token: "aa", block2: "0/1/1024", payload: "x".repeat(1024) });
    const further = device.expects(CON, "GET", { block2: "1/0/1024" });
    lockstep.advance(2_000);
    device.expects(CON, "GET", { messageId: further.messageId });
    lockstep.advance(59_999).hearsNothing();
    lockstep.advance(1).hears("failed", { exchange: 1, reason: "timeout" });
    device.expectsNothing();
  });

  it("spreads the first wait between ACK_TIMEOUT and ACK_TIMEOUT × ACK_RANDOM_FACTOR", () => {
    const lockstep = new Lockstep({ random: (size) => new Uint8Array(size).fill(0xff) });
    const device = lockstep.peer("device");
    lockstep.does(get);
    device.expects(CON, "GET");
    lockstep.advance(2_999);
    device.expectsNothing();
    lockstep.advance(1);
    device.expects(CON, "GET");
  });

  it("takes every time and count from the transmission parameters", () => {
    const lockstep = new Lockstep({ random: zeros, parameters: { ackTimeoutMs: 100, maxRetransmit: 1 } });
    const device = lockstep.peer("device");
    lockstep.does(get).advance(100);
    device.expects(CON, "GET");
    device.expects(CON, "GET");
    lockstep.advance(200).hears("failed", { reason: "timeout" });
  });

  it("takes the response out of the acknowledgement", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    const { messageId } = device.expects(CON, "GET");
    device.sends(ACK, "2.05", "", { messageId, token: "aa", payload: "42" });
    lockstep.hears("response", { exchange: 1, code: CODE.CONTENT, payload: "42", token: "aa" });
    lockstep.advance(300_000).hearsNothing();
    device.expectsNothing();
    expect(lockstep.stack.usage).toEqual({ peers: 0, exchanges: 0, pending: 0, remembered: 0, bodyBytes: 0 });
    expect(lockstep.stack.deadlineMs).toBeUndefined();
  });

  it("ignores an acknowledgement with another token or of another message", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    const { messageId } = device.expects(CON, "GET");
    device.sends(ACK, "2.05", "", { messageId, token: "bb" });
    lockstep.hears("dropped", { reason: "unexpected-ack" });
    device.sends(ACK, "2.05", "", { messageId: messageId + 1, token: "aa" });
    lockstep.hears("dropped", { reason: "unexpected-ack" });
    lockstep.advance(2_000);
    device.expects(CON, "GET", { messageId });
  });

  it("stops retransmitting on an empty ACK and waits for the separate response, which it acknowledges", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    device.acknowledges(device.expects(CON, "GET"));
    lockstep.hears("acknowledged", { exchange: 1 });
    lockstep.advance(60_000);
    device.expectsNothing();
    device.sends(CON, "2.05", "", { messageId: 700, token: "aa", payload: "late" });
    device.expects(ACK, "0.00", { messageId: 700 });
    lockstep.hears("response", { exchange: 1, payload: "late", confirmable: true });
  });

  it("takes a separate response for the acknowledgement that was lost", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    device.expects(CON, "GET");
    device.sends(CON, "2.05", "", { messageId: 700, token: "aa" }).expects(ACK, "0.00", { messageId: 700 });
    lockstep.hears("response", { exchange: 1 });
    lockstep.advance(100_000);
    device.expectsNothing();
  });

  it("acknowledges a separate response again when its ACK was lost, and delivers it once", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    device.acknowledges(device.expects(CON, "GET"));
    device.sends(CON, "2.05", "", { messageId: 700, token: "aa" }).expects(ACK, "0.00");
    device.sends(CON, "2.05", "", { messageId: 700, token: "aa" }).expects(ACK, "0.00", { messageId: 700 });
    lockstep.hears("acknowledged");
    lockstep.hears("response");
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.hearsNothing();
  });

  it("fails with timeout when the acknowledged request is not answered within its response timeout", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...get, responseTimeoutMs: 10_000 });
    device.acknowledges(device.expects(CON, "GET"));
    lockstep.hears("acknowledged");
    lockstep.advance(9_999).hearsNothing();
    lockstep.advance(1).hears("failed", { exchange: 1, reason: "timeout" });
  });

  it("fails with reset when the peer rejects the message", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    device.resets(device.expects(CON, "GET"));
    lockstep.hears("failed", { exchange: 1, reason: "reset" });
    device.resets({ messageId: 9 });
    lockstep.hears("dropped", { reason: "unexpected-reset" });
  });

  it("sends a NON request once and takes a NON response", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...get, confirmable: false });
    device.expects(NON, "GET");
    lockstep.advance(50_000);
    device.expectsNothing();
    device.sends(NON, "2.05", "", { token: "aa" }).expectsNothing();
    lockstep.hears("response", { exchange: 1, confirmable: false });
  });

  it("surfaces a response to a cancelled exchange as one to an unknown token", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get).does({ type: "cancel", exchange: 1 });
    device.expects(CON, "GET");
    lockstep.advance(50_000).hearsNothing();
    device.sends(CON, "2.05", "", { token: "aa" });
    lockstep.hears("notification", { token: "aa", observe: undefined });
  });

  it("makes a token of 8 random bytes when none is given", () => {
    const lockstep = new Lockstep();
    const { token: _, ...withoutToken } = get;
    lockstep.does(withoutToken);
    expect(lockstep.peer("device").expects(CON, "GET").token).toHaveLength(8);
  });
});

describe("NSTART (RFC 7252 §4.7)", () => {
  it("keeps one exchange per peer unacknowledged and sends the next when it is settled", () => {
    const { lockstep, device } = conversation();
    lockstep
      .does(get)
      .does({ ...get, exchange: 2, token: hex("bb") })
      .does({ ...get, exchange: 3, peer: "other" });
    lockstep.peer("other").expects(CON, "GET");
    const first = device.expects(CON, "GET", { token: "aa" });
    device.expectsNothing();
    device.acknowledges(first);
    device.expects(CON, "GET", { token: "bb" });
    lockstep.hears("acknowledged", { exchange: 1 });
  });

  it("sends what is queued after a timeout or cancellation", () => {
    const { lockstep, device } = conversation();
    lockstep
      .does(get)
      .does({ ...get, exchange: 2, token: hex("bb") })
      .does({ ...get, exchange: 3, token: hex("cc") });
    lockstep.does({ type: "cancel", exchange: 2 }).advance(62_000);
    lockstep.hears("failed", { exchange: 1, reason: "timeout" });
    for (let transmission = 0; transmission < 5; transmission++) device.expects(CON, "GET", { token: "aa" });
    device.expects(CON, "GET", { token: "cc" });
  });

  it("does not send what was to leave before its turn came: it fails with unsent at that time, and those behind it go on", () => {
    const { lockstep, device } = conversation();
    lockstep
      .does(get)
      .does({ ...get, exchange: 2, token: hex("bb"), sendByMs: lockstep.nowMs + 1_000 })
      .does({ ...get, exchange: 3, token: hex("cc"), sendByMs: lockstep.nowMs + 10_000 });
    const first = device.expects(CON, "GET", { token: "aa" });
    lockstep.advance(999).hearsNothing();
    lockstep.advance(1).hears("failed", { exchange: 2, reason: "unsent" });
    device.acknowledges(first).expects(CON, "GET", { token: "cc" });
    lockstep.hears("acknowledged", { exchange: 1 });
    lockstep.advance(20_000).hearsNothing(); // What has left is not bound by it any more.
  });

  it("does not send, after standing still, what was to leave before", () => {
    for (const confirmable of [true, false]) {
      const stack = new CoapStack({ random: zeros });
      expect(stack.handle({ ...get, confirmable, sendByMs: 1_000 }, 1_001)).toEqual([]);
      expect(stack.tick(1_001)).toEqual([{ type: "failed", exchange: 1, peer: "device", reason: "unsent" }]);
      expect(stack.usage.exchanges).toBe(0);
    }
    const stack = new CoapStack({ random: zeros });
    stack.handle({ ...get, exchange: 1 }, 0);
    stack.handle({ ...get, exchange: 2, token: hex("bb"), sendByMs: 1_000 }, 0);
    expect(stack.handle({ type: "cancel", exchange: 1 }, 1_001)).toEqual([]);
    expect(stack.tick(1_001)).toMatchObject([{ type: "failed", exchange: 2, reason: "unsent" }]);
  });

  it("is a setting", () => {
    const lockstep = new Lockstep({ parameters: { nstart: 2 } });
    lockstep
      .does(get)
      .does({ ...get, exchange: 2 })
      .does({ ...get, exchange: 3 });
    const device = lockstep.peer("device");
    device.expects(CON, "GET");
    device.expects(CON, "GET");
    device.expectsNothing();
  });

  it("fails with overload what is beyond the cap of a peer or of all", () => {
    const lockstep = new Lockstep({ limits: { maxExchangesPerPeer: 1, maxExchanges: 2 } });
    lockstep.does(get).does({ ...get, exchange: 2 });
    lockstep.hears("failed", { exchange: 2, reason: "overload" });
    lockstep.does({ ...get, exchange: 3, peer: "second" }).hearsNothing();
    lockstep.does({ ...get, exchange: 4, peer: "third" }).hears("failed", { exchange: 4, reason: "overload" });
  });
});

describe("deduplication (RFC 7252 §4.5)", () => {
  it("absorbs a repeated request while the application works on it, then sends the same reply again", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "POST", "/rd?ep=a", { messageId: 5 });
    const { handle } = lockstep.hears("request", { code: CODE.POST, messageId: 5 });
    device.sends(CON, "POST", "/rd?ep=a", { messageId: 5 }).expectsNothing();
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.does({ type: "respond", handle, code: CODE.CREATED, payload: new TextEncoder().encode("x") });
    const reply = device.expects(ACK, "2.01", { messageId: 5, token: "01", payload: "x" });
    expect(device.sends(CON, "POST", "/rd?ep=a", { messageId: 5 }).expects(ACK, "2.01")).toEqual(reply);
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.hearsNothing();
  });

  it("sends the same reply again byte for byte, whatever its bytes", () => {
    const { lockstep, device } = conversation();
    const payload = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    device.sends(CON, "GET", "/x", { messageId: 0xfffe, token: "80ff" });
    lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT, payload });
    const reply = lockstep.takeSent("device");
    device.sends(CON, "GET", "/x", { messageId: 0xfffe, token: "80ff" });
    expect(lockstep.takeSent("device")).toEqual(reply);
    expect(reply?.subarray(-256)).toEqual(payload);
  });

  it("takes the same Message ID as new after EXCHANGE_LIFETIME, and from another peer at once", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/x", { messageId: 5 });
    lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT });
    lockstep.peer("other").sends(CON, "GET", "/x", { messageId: 5 });
    lockstep.hears("request", { peer: "other" });
    lockstep.advance(246_999);
    device.sends(CON, "GET", "/x", { messageId: 5 });
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.advance(1);
    device.sends(CON, "GET", "/x", { messageId: 5 });
    lockstep.hears("request", { peer: "device" });
  });

  it("takes the same Message ID with another Token as new: a NAT may have given the port to another device", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/x", { messageId: 5, token: "01" });
    lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT });
    device.expects(ACK, "2.05", { token: "01" });
    device.sends(CON, "GET", "/x", { messageId: 5, token: "02" });
    lockstep.hears("request", { peer: "device" });
  });

  it("remembers a NON for NON_LIFETIME", () => {
    const { lockstep, device } = conversation();
    device.sends(NON, "GET", "/x", { messageId: 5 });
    lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT });
    device.expects(NON, "2.05");
    device.sends(NON, "GET", "/x", { messageId: 5 }).expectsNothing();
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.advance(145_000);
    device.sends(NON, "GET", "/x", { messageId: 5 });
    lockstep.hears("request");
  });

  it("remembers the last N Message IDs of a peer, those under work for certain", () => {
    const lockstep = new Lockstep({ limits: { maxRememberedPerPeer: 2 } });
    const device = lockstep.peer("device");
    device.sends(CON, "GET", "/slow", { messageId: 1 });
    lockstep.hears("request");
    for (const messageId of [2, 3]) {
      device.sends(CON, "GET", "/x", { messageId });
      lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT });
    }
    device.sends(CON, "GET", "/slow", { messageId: 1 });
    lockstep.hears("dropped", { reason: "duplicate" });
    device.sends(CON, "GET", "/x", { messageId: 2 });
    lockstep.hears("request", { messageId: 2 });
  });

  it("forgets peers at rest when more is remembered in total than allowed", () => {
    const lockstep = new Lockstep({ limits: { maxRemembered: 10 } });
    for (let index = 0; index < 100; index++) {
      lockstep.peer(`device ${index}`).sends(CON, "GET", "/x", { messageId: 1 });
      lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT });
    }
    expect(lockstep.stack.usage).toMatchObject({ remembered: 10, peers: 10 });
  });

  it("bounds the cached replies in total bytes", () => {
    const lockstep = new Lockstep({ limits: { maxReplyBytes: 1000 } });
    for (let index = 0; index < 100; index++) {
      lockstep.peer(`device ${index}`).sends(CON, "GET", "/x", { messageId: 1 });
      const { handle } = lockstep.hears("request");
      lockstep.does({ type: "respond", handle, code: CODE.CONTENT, payload: new Uint8Array(90) });
    }
    expect(lockstep.stack.usage.remembered).toBeLessThan(11);
  });

  it("takes a repeat as new when the application abandoned the message", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/x", { messageId: 5 });
    lockstep.does({ type: "abandon", handle: lockstep.hears("request").handle });
    device.expectsNothing();
    device.sends(CON, "GET", "/x", { messageId: 5 });
    lockstep.hears("request", { messageId: 5 });
  });
});

describe("requests (RFC 7252 §5)", () => {
  it("are answered separately after the application acknowledged them, until the response is acknowledged", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/slow", { messageId: 5, token: "77" });
    const { handle } = lockstep.hears("request");
    lockstep.does({ type: "acknowledge", handle });
    device.expects(ACK, "0.00", { messageId: 5 });
    device.sends(CON, "GET", "/slow", { messageId: 5, token: "77" }).expects(ACK, "0.00", { messageId: 5 });
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT });
    const response = device.expects(CON, "2.05", { token: "77" });
    lockstep.advance(2_000);
    device.expects(CON, "2.05", { messageId: response.messageId });
    device.acknowledges(response);
    lockstep.advance(100_000).hearsNothing();
    device.expectsNothing();
  });

  it("do not wait behind NSTART for their separate responses", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    device.expects(CON, "GET");
    device.sends(CON, "GET", "/slow");
    const { handle } = lockstep.hears("request");
    lockstep.does({ type: "acknowledge", handle }).does({ type: "respond", handle, code: CODE.CONTENT });
    device.expects(ACK, "0.00");
    device.expects(CON, "2.05");
  });

  it("in NON are answered in NON", () => {
    const { lockstep, device } = conversation();
    device.sends(NON, "GET", "/x", { token: "77" });
    lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code: CODE.CONTENT });
    device.expects(NON, "2.05", { token: "77" });
    lockstep.advance(100_000);
    device.expectsNothing();
  });

  it("carry FETCH, PATCH and iPATCH with their bodies (RFC 8132)", () => {
    const { lockstep, device } = conversation();
    for (const method of ["FETCH", "PATCH", "IPATCH"] as const) {
      device.sends(CON, method, "/3", { contentFormat: 112, payload: "body" });
      lockstep.hears("request", { code: CODE[method], contentFormat: 112, payload: "body" });
    }
  });

  it("with an unknown critical option get 4.02 that names it", () => {
    const { lockstep, device } = conversation();
    const unknown = { number: 2049, value: hex("01") };
    device.sends(CON, "GET", "/x", { messageId: 5, options: [unknown] });
    device.expects(ACK, "4.02", { messageId: 5, payload: "option 2049 is not supported" });
    lockstep.hears("dropped", { reason: "bad-option" });
    device.sends(NON, "GET", "/x", { options: [unknown] }).expectsNothing();
    lockstep.hears("dropped", { reason: "bad-option" });
    lockstep.hearsNothing();
  });

  it("with an unknown elective option are served", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/x", { options: [{ number: 2048, value: hex("01") }] });
    lockstep.hears("request");
  });

  it("with a critical option twice or of a wrong length get 4.02", () => {
    const { device } = conversation();
    const accept = uintOption(OPTION.ACCEPT, 0);
    device.sends(CON, "GET", "/x", { options: [accept, accept] }).expects(ACK, "4.02");
    device.sends(CON, "GET", "/x", { options: [{ number: OPTION.ACCEPT, value: hex("000001") }] }).expects(ACK, "4.02");
  });

  it("for a proxy get 5.05", () => {
    const { device } = conversation();
    device.sends(CON, "GET", "", { options: [{ number: OPTION.PROXY_SCHEME, value: hex("636f6170") }] });
    device.expects(ACK, "5.05");
  });

  it("are not answered with what No-Response excludes, but acknowledged (RFC 7967)", () => {
    const { lockstep, device } = conversation();
    const respond = (code: number) =>
      lockstep.does({ type: "respond", handle: lockstep.hears("request").handle, code, payload: hex("00") });
    device.sends(CON, "PUT", "/x", { messageId: 5, noResponse: 0b0000_0010 });
    respond(CODE.CHANGED);
    device.expects(ACK, "0.00", { messageId: 5 });
    device.sends(CON, "PUT", "/x", { messageId: 6, noResponse: 0b0000_0010 });
    respond(CODE.NOT_FOUND);
    device.expects(ACK, "4.04", { messageId: 6 });
    device.sends(NON, "PUT", "/x", { messageId: 7, noResponse: 0b0001_1010 });
    respond(CODE.INTERNAL_SERVER_ERROR);
    device.expectsNothing();
    expect(lockstep.stack.usage.pending).toBe(0);
  });

  it("are dropped, to be repeated by the peer, when too many wait for the application", () => {
    const lockstep = new Lockstep({ limits: { maxPendingPerPeer: 1, maxPending: 2 } });
    const [one, two, three] = [lockstep.peer("1"), lockstep.peer("2"), lockstep.peer("3")];
    one.sends(CON, "GET", "/x", { messageId: 1 });
    const { handle } = lockstep.hears("request");
    one.sends(CON, "GET", "/x", { messageId: 2 }).expectsNothing();
    lockstep.hears("dropped", { reason: "too-many-pending" });
    two.sends(CON, "GET", "/x");
    lockstep.hears("request");
    three.sends(CON, "GET", "/x");
    lockstep.hears("dropped", { reason: "too-many-pending" });
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT });
    one.sends(CON, "GET", "/x", { messageId: 2 });
    lockstep.hears("request", { messageId: 2 });
  });

  it("of a new peer are dropped when all known peers are busy, and displace one that is at rest", () => {
    const lockstep = new Lockstep({ limits: { maxPeers: 1 } });
    lockstep.peer("1").sends(CON, "GET", "/x");
    const { handle } = lockstep.hears("request");
    lockstep.peer("2").sends(CON, "GET", "/x");
    lockstep.hears("dropped", { reason: "too-many-peers" });
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT });
    lockstep.peer("2").sends(CON, "GET", "/x");
    lockstep.hears("request", { peer: "2" });
    expect(lockstep.stack.usage.peers).toBe(1);
  });

  it("that are never answered are forgotten after EXCHANGE_LIFETIME", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/x");
    const { handle } = lockstep.hears("request");
    lockstep.advance(260_000).does({ type: "respond", handle, code: CODE.CONTENT });
    device.expectsNothing();
    expect(lockstep.stack.usage).toEqual({ peers: 0, exchanges: 0, pending: 0, remembered: 0, bodyBytes: 0 });
  });
});

describe("format errors and Empty messages (RFC 7252 §4.2, §4.3)", () => {
  it("answer a malformed CON by RST and drop any other malformed message", () => {
    const { lockstep, device } = conversation();
    device.sendsBytes(hex("49 01 1234 # token length 9")).expects(RST, "0.00", { messageId: 0x1234 });
    device.sendsBytes(hex("40 01 1234 ff # marker without payload")).expects(RST, "0.00");
    device.sendsBytes(hex("40 00 1234 01 # Empty with content")).expects(RST, "0.00");
    device.sendsBytes(hex("40 20 1234 # reserved class 1")).expects(RST, "0.00");
    for (const text of ["59 01 1234", "69 45 1234", "60 01 1234 # request in ACK", "70 45 1234", "50 00 1234", "40"]) {
      device.sendsBytes(hex(text)).expectsNothing();
    }
    for (let count = 0; count < 10; count++) lockstep.hears("dropped", { reason: "malformed" });
    lockstep.hearsNothing();
    expect(lockstep.stack.usage.peers).toBe(0);
  });

  it("ignore another version silently", () => {
    const { lockstep, device } = conversation();
    device.sendsBytes(hex("80 01 1234")).expectsNothing();
    lockstep.hears("dropped", { reason: "version" });
  });

  it("answer a ping by RST", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "0.00", "", { messageId: 9 }).expects(RST, "0.00", { messageId: 9 });
    lockstep.hearsNothing();
    expect(lockstep.stack.usage.peers).toBe(0);
  });

  it("send a ping and hear its RST", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ type: "ping", exchange: 8, peer: "device" });
    device.resets(device.expects(CON, "0.00"));
    lockstep.hears("delivered", { exchange: 8 });
    lockstep.does({ type: "ping", exchange: 9, peer: "device" }).advance(62_000);
    lockstep.hears("failed", { exchange: 9, reason: "timeout" });
  });

  it("reject a response with an unknown critical option: CON by RST, others silently", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get);
    const { messageId } = device.expects(CON, "GET");
    const options = [{ number: 2049, value: hex("01") }];
    device.sends(ACK, "2.05", "", { messageId, token: "aa", options }).expectsNothing();
    device.sends(CON, "2.05", "", { messageId: 3, token: "aa", options }).expects(RST, "0.00", { messageId: 3 });
    lockstep.hears("dropped", { reason: "bad-option" });
    lockstep.hears("dropped", { reason: "bad-option" });
    lockstep.hearsNothing();
  });
});

describe("peers", () => {
  it("get Message IDs in sequence, which a take-over may move", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ type: "setMessageId", peer: "device", messageId: 65_535 });
    lockstep.does({ ...get, confirmable: false }).does({ ...get, exchange: 2, confirmable: false });
    device.expects(NON, "GET", { messageId: 65_535 });
    device.expects(NON, "GET", { messageId: 0 });
  });

  it("are forgotten on command: open exchanges fail, nothing is repeated", () => {
    const { lockstep, device } = conversation();
    lockstep.does(get).does({ ...get, exchange: 2 });
    device.expects(CON, "GET");
    device.sends(CON, "GET", "/x", { messageId: 5 });
    const { handle } = lockstep.hears("request");
    lockstep.does({ type: "forget", peer: "device" });
    lockstep.hears("failed", { exchange: 2, reason: "cancelled" });
    lockstep.hears("failed", { exchange: 1, reason: "cancelled" });
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT }).advance(100_000);
    device.expectsNothing();
    expect(lockstep.stack.usage).toEqual({ peers: 0, exchanges: 0, pending: 0, remembered: 0, bodyBytes: 0 });
    expect(lockstep.stack.deadlineMs).toBeUndefined();
  });
});
