import { ACK, CON, hex, Lockstep, NON, RST } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { CODE } from "./code.ts";
import { OPTION } from "./option-registry.ts";
import type { StackInput } from "./stack-io.ts";

function conversation() {
  const lockstep = new Lockstep();
  return { lockstep, device: lockstep.peer("device") };
}

const empty = { peers: 0, exchanges: 0, pending: 0, remembered: 0, bodyBytes: 0 };

describe("notifications to us (RFC 7641 §3)", () => {
  it("are acknowledged when the application says so, and again when the ACK was lost", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "2.05", "", { messageId: 9, token: "cafe", observe: 12, payload: "21" }).expectsNothing();
    const { handle } = lockstep.hears("notification", { observe: 12, token: "cafe", payload: "21", more: undefined });
    lockstep.does({ type: "acknowledge", handle });
    device.expects(ACK, "0.00", { messageId: 9 });
    device.sends(CON, "2.05", "", { messageId: 9, token: "cafe", observe: 12 }).expects(ACK, "0.00", { messageId: 9 });
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.advance(252_000).hearsNothing();
    expect(lockstep.stack.usage).toEqual(empty);
  });

  it("attach to the pending one silently when they are retransmissions of it", () => {
    const { lockstep, device } = conversation();
    for (let transmission = 0; transmission < 5; transmission++) {
      device.sends(CON, "2.05", "", { messageId: 9, observe: 12 }).expectsNothing();
    }
    const { handle } = lockstep.hears("notification");
    for (let repeat = 0; repeat < 4; repeat++) lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.does({ type: "acknowledge", handle }).hearsNothing();
    device.expects(ACK, "0.00", { messageId: 9 });
    device.expectsNothing();
  });

  it("are reset when the observation is not wanted, and again when the RST was lost", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "2.05", "", { messageId: 9, observe: 12 });
    lockstep.does({ type: "reset", handle: lockstep.hears("notification").handle });
    device.expects(RST, "0.00", { messageId: 9 });
    device.sends(CON, "2.05", "", { messageId: 9, observe: 12 }).expects(RST, "0.00", { messageId: 9 });
  });

  it("in NON are reset too, and not acknowledged", () => {
    const { lockstep, device } = conversation();
    device.sends(NON, "2.05", "", { messageId: 9, observe: 12 });
    lockstep.does({ type: "acknowledge", handle: lockstep.hears("notification", { confirmable: false }).handle });
    device.expectsNothing();
    device.sends(NON, "2.05", "", { messageId: 10, observe: 13 });
    lockstep.does({ type: "reset", handle: lockstep.hears("notification").handle });
    device.expects(RST, "0.00", { messageId: 10 });
  });

  it("are taken as new after the application abandoned them", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "2.05", "", { messageId: 9, observe: 12 });
    lockstep.does({ type: "abandon", handle: lockstep.hears("notification").handle });
    device.sends(CON, "2.05", "", { messageId: 9, observe: 12 }).expectsNothing();
    lockstep.hears("notification", { messageId: 9 });
  });

  it("are acknowledged by the application also while their observation is being made anew with the same token", () => {
    const { lockstep, device } = conversation();
    lockstep.does({
      type: "request",
      exchange: 1,
      peer: "device",
      code: CODE.GET,
      options: [{ number: OPTION.OBSERVE, value: new Uint8Array(0) }],
      payload: new Uint8Array(0),
      token: hex("cafe"),
    });
    const { messageId } = device.expects(CON, "GET", { token: "cafe" });
    device.sends(CON, "2.05", "", { messageId: 9, token: "cafe", observe: 12, payload: "21" }).expectsNothing();
    const { handle } = lockstep.hears("notification", { token: "cafe", payload: "21" });
    lockstep.hears("response", { exchange: 1, payload: "21", confirmable: true });
    // The answer proper, which the notification overtook.
    device.sends(ACK, "2.05", "", { messageId, token: "cafe", observe: 13, payload: "22" }).expectsNothing();
    lockstep.hears("dropped", { reason: "unexpected-ack" });
    lockstep.does({ type: "acknowledge", handle });
    device.expects(ACK, "0.00", { messageId: 9 });
  });

  it("are never dropped for being reordered", () => {
    const { lockstep, device } = conversation();
    for (const observe of [12, 11, 12]) device.sends(CON, "2.05", "", { observe });
    for (const observe of [12, 11, 12]) lockstep.hears("notification", { observe });
  });

  it("say that more blocks follow, and the rest is fetched from where they end (RFC 7959 §2.6)", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "2.05", "", {
      token: "cafe",
      observe: 3,
      block2: "0/1/16",
      etag: "e1",
      payload: "0123456789abcdef",
    });
    const { handle, payload, more } = lockstep.hears("notification", { token: "cafe" });
    expect(more).toEqual({ blockSize: 16, etag: hex("e1") });
    lockstep.does({ type: "acknowledge", handle });
    device.expects(ACK, "0.00");
    lockstep.does({
      type: "request",
      exchange: 1,
      peer: "device",
      code: CODE.GET,
      options: [],
      payload: new Uint8Array(0),
      continueFrom: { body: payload, blockSize: 16, etag: hex("e1") },
    });
    const { messageId, token } = device.expects(CON, "GET", { block2: "1/0/16", observe: undefined });
    const tokenText = Buffer.from(token).toString("hex");
    device.sends(ACK, "2.05", "", { messageId, token: tokenText, block2: "1/0/16", etag: "e1", payload: "ghi" });
    lockstep.hears("response", { exchange: 1, payload: "0123456789abcdefghi" });
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("with a reserved block size are rejected", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "2.05", "", { messageId: 9, options: [{ number: 23, value: hex("0f") }] });
    device.expects(RST, "0.00", { messageId: 9 });
    lockstep.hears("dropped", { reason: "bad-option" });
    lockstep.hearsNothing();
  });
});

describe("notifications of ours (RFC 7641 §4)", () => {
  const notify: StackInput & { type: "notify" } = {
    type: "notify",
    exchange: 4,
    peer: "server",
    token: hex("cafe"),
    code: CODE.CONTENT,
    options: [],
    payload: hex("00"),
    confirmable: true,
  };

  it("are delivered when acknowledged", () => {
    const lockstep = new Lockstep();
    const server = lockstep.peer("server");
    lockstep.does(notify);
    server.acknowledges(server.expects(CON, "2.05", { token: "cafe" }));
    lockstep.hears("delivered", { exchange: 4 });
    lockstep.advance(252_000);
    expect(lockstep.stack.usage).toEqual(empty);
  });

  it("are retransmitted, and fail with timeout or reset", () => {
    const lockstep = new Lockstep();
    const server = lockstep.peer("server");
    lockstep.does(notify);
    server.expects(CON, "2.05");
    lockstep.advance(3_000);
    server.resets(server.expects(CON, "2.05"));
    lockstep.hears("failed", { exchange: 4, reason: "reset" });
    lockstep.does(notify).advance(93_000).hears("failed", { exchange: 4, reason: "timeout" });
  });

  it("in NON end by themselves, unless a RST says that nobody wants them", () => {
    const lockstep = new Lockstep();
    const server = lockstep.peer("server");
    lockstep.does({ ...notify, confirmable: false });
    server.resets(server.expects(NON, "2.05"));
    lockstep.hears("failed", { exchange: 4, reason: "reset" });
    lockstep
      .does({ ...notify, confirmable: false })
      .advance(10_000)
      .hearsNothing();
    expect(lockstep.stack.usage.exchanges).toBe(0);
  });

  it("go out as their first block when they are larger, with their whole size", () => {
    const lockstep = new Lockstep({ limits: { blockSize: 64 } });
    lockstep.does({ ...notify, payload: new Uint8Array(100) });
    const message = lockstep.peer("server").expects(CON, "2.05", { block2: "0/1/64", size2: 100 });
    expect(message.payload).toHaveLength(64);
  });
});
