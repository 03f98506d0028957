import { ACK, CON, hex, Lockstep, NON, toHex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { CODE } from "./code.ts";
import type { Message } from "./message.ts";
import { uriOptions } from "./option.ts";
import type { StackInput } from "./stack-io.ts";
import type { StackLimits } from "./stack-limits.ts";

const TEXT = Array.from({ length: 40 }, (_, index) => `${index % 10}`).join("");
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const reply = ({ messageId, token }: Message) => ({ messageId, token: toHex(token) });

function conversation(limits: Partial<StackLimits> = {}) {
  const lockstep = new Lockstep({ limits: { blockSize: 16, ...limits } });
  return { lockstep, device: lockstep.peer("device") };
}

const request: StackInput & { type: "request" } = {
  type: "request",
  exchange: 1,
  peer: "device",
  code: CODE.GET,
  options: uriOptions("/3"),
  payload: new Uint8Array(0),
  token: hex("aa"),
};

describe("Block1 as server (RFC 7959 §2.5)", () => {
  it("puts a body together, answers 2.31 in between, and the response repeats the last block", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", size1: 40, payload: TEXT.slice(0, 16) });
    device.expects(ACK, "2.31", { block1: "0/1/16" });
    device.sends(CON, "PUT", "/5", { block1: "1/1/16", payload: TEXT.slice(16, 32) }).expects(ACK, "2.31");
    lockstep.hearsNothing();
    device.sends(CON, "PUT", "/5", { block1: "2/0/16", payload: TEXT.slice(32) });
    const event = lockstep.hears("request", { payload: TEXT, block1: undefined, size1: undefined, path: ["5"] });
    lockstep.does({ type: "respond", handle: event.handle, code: CODE.CHANGED });
    device.expects(ACK, "2.04", { block1: "2/0/16" });
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("answers a repeated block as it did before, without taking it twice", () => {
    const { lockstep, device } = conversation();
    for (let repeat = 0; repeat < 3; repeat++) {
      device.sends(CON, "PUT", "/5", { messageId: 1, block1: "0/1/16", payload: TEXT.slice(0, 16) });
      device.expects(ACK, "2.31");
    }
    device.sends(CON, "PUT", "/5", { messageId: 2, block1: "1/0/16", payload: "end" });
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.hears("dropped", { reason: "duplicate" });
    lockstep.hears("request", { payload: `${TEXT.slice(0, 16)}end` });
  });

  it("asks for its own block size when that is smaller, and goes on by bytes", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "PUT", "/5", { block1: "0/1/32", payload: TEXT.slice(0, 32) });
    device.expects(ACK, "2.31", { block1: "0/1/16" });
    device.sends(CON, "PUT", "/5", { block1: "2/0/16", payload: TEXT.slice(32) });
    lockstep.hears("request", { payload: TEXT });
  });

  it("answers 4.08 to a block that is not the next, and begins anew with block 0", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "PUT", "/5", { block1: "1/1/16", payload: TEXT.slice(0, 16) }).expects(ACK, "4.08");
    lockstep.hears("dropped", { reason: "body-incomplete" });
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", payload: TEXT.slice(0, 16) }).expects(ACK, "2.31");
    device.sends(CON, "PUT", "/5", { block1: "2/0/16", payload: "x" }).expects(ACK, "4.08");
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", payload: TEXT.slice(0, 16) }).expects(ACK, "2.31");
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", payload: TEXT.slice(0, 16) }).expects(ACK, "2.31");
    device.sends(CON, "PUT", "/5", { block1: "1/0/16", payload: "y" });
    lockstep.hears("dropped", { reason: "body-incomplete" });
    lockstep.hears("request", { payload: `${TEXT.slice(0, 16)}y` });
  });

  it("answers 4.08 when the Content-Format changes between blocks", () => {
    const { device } = conversation();
    device.sends(CON, "PUT", "/5", { contentFormat: 0, block1: "0/1/16", payload: TEXT.slice(0, 16) });
    device.expects(ACK, "2.31");
    device.sends(CON, "PUT", "/5", { contentFormat: 42, block1: "1/0/16", payload: "x" }).expects(ACK, "4.08");
  });

  it("answers 4.13 with its limit to a body that is too large, at the first block when Size1 says so", () => {
    const { lockstep, device } = conversation({ maxBodyBytes: 20 });
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", size1: 21, payload: TEXT.slice(0, 16) });
    device.expects(ACK, "4.13", { size1: 20 });
    lockstep.hears("dropped", { reason: "body-too-large" });
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", payload: TEXT.slice(0, 16) }).expects(ACK, "2.31");
    device.sends(CON, "PUT", "/5", { block1: "1/1/16", payload: TEXT.slice(16, 32) }).expects(ACK, "4.13");
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("answers 4.00 to a reserved block size and to a block of a wrong length", () => {
    const { device } = conversation();
    device.sends(CON, "PUT", "/5", { options: [{ number: 27, value: hex("0f") }], payload: "x" }).expects(ACK, "4.00");
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", payload: "short" }).expects(ACK, "4.00");
  });

  it("answers 5.03 when all bodies together are too large, and displaces the oldest body of one peer", () => {
    const { lockstep, device } = conversation({ maxTotalBodyBytes: 32, maxBodiesPerPeer: 2 });
    const first = { block1: "0/1/16", payload: TEXT.slice(0, 16) };
    device.sends(CON, "PUT", "/1", first).expects(ACK, "2.31");
    device.sends(CON, "PUT", "/2", first).expects(ACK, "2.31");
    lockstep.peer("other").sends(CON, "PUT", "/1", first).expects(ACK, "5.03", { maxAge: 60 });
    device.sends(CON, "PUT", "/3", first).expects(ACK, "2.31");
    device.sends(CON, "PUT", "/1", { block1: "1/0/16", payload: "x" }).expects(ACK, "4.08");
    expect(lockstep.stack.usage.bodyBytes).toBe(32);
  });

  it("forgets an unfinished body after its lifetime", () => {
    const { lockstep, device } = conversation({ bodyLifetimeMs: 10_000 });
    device.sends(CON, "PUT", "/5", { block1: "0/1/16", payload: TEXT.slice(0, 16) });
    lockstep.advance(10_000).hears("dropped", { reason: "body-incomplete" });
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("works in NON", () => {
    const { lockstep, device } = conversation();
    device.sends(NON, "PUT", "/5", { block1: "0/1/16", payload: TEXT.slice(0, 16) }).expects(NON, "2.31");
    device.sends(NON, "PUT", "/5", { block1: "1/0/16", payload: "x" });
    lockstep.hears("request", { confirmable: false, payload: `${TEXT.slice(0, 16)}x` });
  });
});

describe("Block2 as server (RFC 7959 §2.4)", () => {
  it("serves a large response block by block without asking the application again", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/3");
    const { handle } = lockstep.hears("request");
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT, payload: bytes(TEXT) });
    device.expects(ACK, "2.05", { block2: "0/1/16", size2: 40, payload: TEXT.slice(0, 16) });
    for (const [block2, payload] of [
      ["1/1/16", TEXT.slice(16, 32)],
      ["2/0/16", TEXT.slice(32)],
    ] as const) {
      device
        .sends(CON, "GET", "/3", { block2: `${block2.slice(0, 1)}/0/16` })
        .expects(ACK, "2.05", { block2, payload });
    }
    device.sends(CON, "GET", "/3", { block2: "3/0/16" }).expects(ACK, "4.00");
    lockstep.hearsNothing();
    lockstep.advance(252_000);
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("uses the smaller block size that the request asks for", () => {
    const { lockstep, device } = conversation({ blockSize: 32 });
    device.sends(CON, "GET", "/3", { block2: "0/0/16" });
    const { handle } = lockstep.hears("request");
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT, payload: bytes(TEXT) });
    device.expects(ACK, "2.05", { block2: "0/1/16" });
  });

  it("asks the application for a block of a body that it does not hold", () => {
    const { lockstep, device } = conversation();
    device.sends(CON, "GET", "/3", { block2: "2/0/16" });
    const { handle } = lockstep.hears("request");
    lockstep.does({ type: "respond", handle, code: CODE.CONTENT, payload: bytes(TEXT) });
    device.expects(ACK, "2.05", { block2: "2/0/16", payload: TEXT.slice(32) });
  });
});

describe("Block1 as client (RFC 7959 §2.5)", () => {
  const put: StackInput & { type: "request" } = { ...request, code: CODE.PUT, payload: bytes(TEXT) };

  it("sends the body block by block, with its size in the first", () => {
    const { lockstep, device } = conversation();
    lockstep.does(put);
    const first = device.expects(CON, "PUT", { token: "aa", block1: "0/1/16", size1: 40, payload: TEXT.slice(0, 16) });
    device.sends(ACK, "2.31", "", { ...reply(first), block1: "0/1/16" });
    const second = device.expects(CON, "PUT", {
      block1: "1/1/16",
      size1: undefined,
      payload: TEXT.slice(16, 32),
    });
    device.sends(ACK, "2.31", "", { ...reply(second), block1: "1/1/16" });
    const third = device.expects(CON, "PUT", { block1: "2/0/16", payload: TEXT.slice(32) });
    device.sends(ACK, "2.04", "", { ...reply(third), block1: "2/0/16" });
    lockstep.hears("response", { exchange: 1, code: CODE.CHANGED, token: "aa" });
  });

  it("repeats a lost block and goes on when a block's acknowledgement was empty", () => {
    const { lockstep, device } = conversation();
    lockstep.does(put);
    const first = device.expects(CON, "PUT", { block1: "0/1/16" });
    lockstep.advance(3_000);
    device.expects(CON, "PUT", { block1: "0/1/16", messageId: first.messageId });
    device.acknowledges(first);
    device.sends(CON, "2.31", "", { messageId: 900, token: "aa", block1: "0/1/16" }).expects(ACK, "0.00");
    device.expects(CON, "PUT", { block1: "1/1/16" });
  });

  it("gives each block the time that a response may take, not all of them together", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...put, responseTimeoutMs: 10_000 });
    for (const [num, block1] of ["0/1/16", "1/1/16", "2/0/16"].entries()) {
      const block = device.expects(CON, "PUT", { block1 });
      device.acknowledges(block);
      lockstep.advance(9_000);
      const code = num === 2 ? "2.04" : "2.31";
      device.sends(CON, code, "", { messageId: 900 + num, token: "aa", block1 }).expects(ACK, "0.00");
    }
    lockstep.hears("acknowledged");
    lockstep.hears("response", { code: CODE.CHANGED });
  });

  it("goes on in the smaller block size that the peer asks for", () => {
    const { lockstep, device } = conversation({ blockSize: 32 });
    lockstep.does(put);
    const first = device.expects(CON, "PUT", { block1: "0/1/32" });
    device.sends(ACK, "2.31", "", { ...reply(first), block1: "0/1/16" });
    device.expects(CON, "PUT", { block1: "2/0/16", payload: TEXT.slice(32) });
  });

  it("begins anew with smaller blocks on 4.13 that names them", () => {
    const { lockstep, device } = conversation({ blockSize: 64 });
    lockstep.does(put);
    device.sends(ACK, "4.13", "", { ...reply(device.expects(CON, "PUT", { payload: TEXT })), block1: "0/0/16" });
    device.expects(CON, "PUT", { block1: "0/1/16" });
  });

  it("begins anew on 4.08, but not for ever", () => {
    const { lockstep, device } = conversation({ maxBlockwiseRestarts: 1 });
    lockstep.does(put);
    device.sends(ACK, "4.08", "", reply(device.expects(CON, "PUT", { block1: "0/1/16" })));
    device.sends(ACK, "4.08", "", reply(device.expects(CON, "PUT", { block1: "0/1/16" })));
    lockstep.hears("response", { code: CODE.REQUEST_ENTITY_INCOMPLETE });
  });

  it("takes a refusal in the middle for the response", () => {
    const { lockstep, device } = conversation();
    lockstep.does(put);
    device.sends(ACK, "4.03", "", reply(device.expects(CON, "PUT", { block1: "0/1/16" })));
    lockstep.hears("response", { code: CODE.FORBIDDEN });
  });

  it("fails when the peer answers a block without Block1", () => {
    const { lockstep, device } = conversation();
    lockstep.does(put);
    device.sends(ACK, "2.04", "", reply(device.expects(CON, "PUT", { block1: "0/1/16" })));
    lockstep.hears("failed", { reason: "blockwise" });
  });
});

describe("Block2 as client (RFC 7959 §2.4)", () => {
  it("fetches the rest, each block under its own token, and keeps the first response's options", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...request, options: [{ number: 6, value: hex("") }, ...request.options] });
    const first = device.expects(CON, "GET", { observe: 0, path: ["3"] });
    const whole = { observe: 7, contentFormat: 110, etag: "e1" };
    device.sends(ACK, "2.05", "", {
      ...reply(first),
      ...whole,
      block2: "0/1/16",
      size2: 40,
      payload: TEXT.slice(0, 16),
    });
    const second = device.expects(CON, "GET", { observe: undefined, path: ["3"], block2: "1/0/16" });
    expect(toHex(second.token)).not.toBe("aa");
    device.sends(ACK, "2.05", "", { ...reply(second), etag: "e1", block2: "1/1/16", payload: TEXT.slice(16, 32) });
    const third = device.expects(CON, "GET", { block2: "2/0/16" });
    device.sends(ACK, "2.05", "", { ...reply(third), etag: "e1", block2: "2/0/16", payload: TEXT.slice(32) });
    lockstep.hears("response", { ...whole, token: "aa", payload: TEXT, block2: undefined, size2: undefined });
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("surfaces a notification that arrives while the blocks are fetched", () => {
    const { lockstep, device } = conversation();
    lockstep.does(request);
    device.sends(ACK, "2.05", "", {
      ...reply(device.expects(CON, "GET")),
      block2: "0/1/16",
      payload: TEXT.slice(0, 16),
    });
    device.sends(CON, "2.05", "", { token: "aa", observe: 9, payload: "new" });
    lockstep.hears("notification", { token: "aa", observe: 9 });
  });

  it("begins anew when the ETag changes, but not for ever", () => {
    const { lockstep, device } = conversation({ maxBlockwiseRestarts: 1 });
    const block = { block2: "0/1/16", payload: TEXT.slice(0, 16) };
    lockstep.does(request);
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET")), ...block, etag: "e1" });
    const next = { block2: "1/1/16", payload: TEXT.slice(16, 32) };
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET", { block2: "1/0/16" })), ...next, etag: "e2" });
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET", { block2: "0/0/16" })), ...block, etag: "e2" });
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET", { block2: "1/0/16" })), ...next, etag: "e3" });
    lockstep.hears("failed", { reason: "blockwise", detail: "the body changed while it was read" });
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("fails when the body is larger than the cap, at once when Size2 says so", () => {
    const { lockstep, device } = conversation({ maxBodyBytes: 39 });
    lockstep.does(request);
    const block = { block2: "0/1/16", size2: 40, payload: TEXT.slice(0, 16) };
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET")), ...block });
    lockstep.hears("failed", { reason: "blockwise", detail: "body over 39 bytes" });
    expect(lockstep.stack.usage.bodyBytes).toBe(0);
  });

  it("fails on a block of a wrong length or a reserved size", () => {
    const { lockstep, device } = conversation();
    lockstep.does(request);
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET")), block2: "0/1/16", payload: "short" });
    lockstep.hears("failed", { reason: "blockwise" });
    lockstep.does(request);
    const reserved = [{ number: 23, value: hex("0f") }];
    device.sends(ACK, "2.05", "", { ...reply(device.expects(CON, "GET")), options: reserved });
    lockstep.hears("failed", { reason: "blockwise", detail: "reserved block size exponent 7" });
  });

  it("repeats the body of a FETCH with every block (RFC 8132 §2)", () => {
    const { lockstep, device } = conversation();
    lockstep.does({ ...request, code: CODE.FETCH, payload: bytes("paths") });
    const first = device.expects(CON, "FETCH", { payload: "paths" });
    device.sends(ACK, "2.05", "", { ...reply(first), block2: "0/1/16", payload: TEXT.slice(0, 16) });
    device.expects(CON, "FETCH", { block2: "1/0/16", payload: "paths" });
  });
});
