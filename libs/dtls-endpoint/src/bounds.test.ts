import { generateKeyPairSync } from "node:crypto";
import type { Answer, CryptoJob } from "@ferry/dtls";
import { describe, expect, it } from "@jest/globals";
import { Computations } from "./computations.ts";
import { LastSessions, MAX_LAST_SESSIONS } from "./last-sessions.ts";
import { LookupGuard, MAX_REMEMBERED, REMEMBER_MS } from "./lookup-guard.ts";
import { MAX_REFUSALS, REFUSAL_MEMORY_MS, RefusalMemory, STRANGERS_LIMIT } from "./refusal-memory.ts";

describe("look-ups of what nobody knows", () => {
  it("take a token each, and none where it is known that there is nothing", () => {
    let nowMs = 0;
    const guard = new LookupGuard([{ capacity: 2, periodMs: 1000 }], () => nowMs);
    expect([guard.admit("a"), guard.admit("b"), guard.admit("c")]).toEqual(["ask", "ask", "limited"]);
    guard.remember("a");
    expect(guard.admit("a")).toBe("spared");
    nowMs = 1000;
    expect([guard.admit("a"), guard.admit("c"), guard.admit("d")]).toEqual(["spared", "ask", "ask"]);
    nowMs = REMEMBER_MS;
    expect(guard.admit("a")).toBe("ask");
  });

  it("cost nothing where a record proves to be of what was found", () => {
    const guard = new LookupGuard([{ capacity: 1, periodMs: 1000 }], () => 0);
    expect([guard.admit("a"), guard.admit("b")]).toEqual(["ask", "limited"]);
    guard.proven();
    guard.proven();
    expect([guard.admit("b"), guard.admit("c")]).toEqual(["ask", "limited"]);
  });

  it("are remembered in bounded memory, the oldest is forgotten first", () => {
    const guard = new LookupGuard([], () => 0);
    for (let n = 0; n <= MAX_REMEMBERED; n++) guard.remember(`${n}`);
    expect(guard.admit("0")).toBe("ask");
    expect(guard.admit("1")).toBe("spared");
    expect(guard.admit(`${MAX_REMEMBERED}`)).toBe("spared");
  });
});

describe("the last session of a device", () => {
  const device = (n: number) => ({ tenant: "default", endpoint: `meter-${n}` });

  it("is replaced by the next one, each device's by its own", () => {
    const sessions = new LastSessions();
    expect(sessions.replace(device(1), Uint8Array.of(1))).toBeUndefined();
    expect(sessions.replace(device(2), Uint8Array.of(2))).toBeUndefined();
    expect(sessions.replace(device(1), Uint8Array.of(3))).toEqual(Uint8Array.of(1));
    expect(sessions.replace(device(1), Uint8Array.of(4))).toEqual(Uint8Array.of(3));
  });

  it("is remembered in bounded memory", () => {
    const sessions = new LastSessions();
    for (let n = 0; n <= MAX_LAST_SESSIONS; n++) sessions.replace(device(n), Uint8Array.of(1));
    expect(sessions.replace(device(1), Uint8Array.of(2))).toEqual(Uint8Array.of(1));
    expect(sessions.replace(device(0), Uint8Array.of(2))).toBeUndefined();
  });
});

describe("failures of handshakes", () => {
  const device = (n: number) => ({ tenant: "default", endpoint: `meter-${n}` });

  it("are news once for each device and reason in a while", () => {
    let nowMs = 0;
    const memory = new RefusalMemory(() => nowMs);
    expect(memory.note(device(1), "wrongKey")).toBe(true);
    expect(memory.note(device(1), "wrongKey")).toBe(false);
    expect(memory.note(device(1), "timeout")).toBe(true);
    expect(memory.note(device(2), "wrongKey")).toBe(true);
    nowMs = REFUSAL_MEMORY_MS;
    expect(memory.note(device(1), "wrongKey")).toBe(true);
  });

  it("of a peer that nobody knows are news once for its network, which has many addresses", () => {
    const memory = new RefusalMemory(() => 0);
    expect(memory.noteStranger("[2001:db8:0:1::1]:5684", "timeout")).toBe(true);
    expect(memory.noteStranger("[2001:db8:0:2::7]:5684", "timeout")).toBe(false);
    expect(memory.noteStranger("192.0.2.1:5684", "timeout")).toBe(true);
    expect(memory.noteStranger("192.0.2.200:1", "timeout")).toBe(false);
  });

  it("of peers that nobody knows are told only so often, and take nothing from devices", () => {
    const memory = new RefusalMemory(() => 0);
    const told = Array.from({ length: 1000 }, (_, n) => memory.noteStranger(`10.${n >> 8}.${n & 0xff}.1:1`, "timeout"));
    expect(told.filter(Boolean)).toHaveLength(STRANGERS_LIMIT[0]?.capacity ?? 0);
    expect(memory.note(device(1), "timeout")).toBe(true);
  });

  it("are remembered in bounded memory", () => {
    const memory = new RefusalMemory(() => 0);
    for (let n = 0; n <= MAX_REFUSALS; n++) memory.note(device(n), "timeout");
    expect(memory.note(device(0), "timeout")).toBe(true);
    expect(memory.note(device(MAX_REFUSALS), "timeout")).toBe(false);
  });
});

describe("computations", () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const job: CryptoJob = { operation: "sign", key: privateKey, data: Buffer.from("data") };

  it("are done in place, and on threads beyond so many in one turn or while threads are busy", async () => {
    const where: string[] = [];
    const turns: (() => void)[] = [];
    const computations = new Computations({
      inPlaceAtMost: 2,
      afterTurn: (then) => void turns.push(then),
      count: (place) => void where.push(place),
    });
    const compute = (): Promise<Answer> => new Promise((resolve) => computations.do(job, resolve));
    const answers = [compute(), compute(), compute()];
    for (const turn of turns.splice(0)) turn();
    answers.push(compute());
    expect(where).toEqual(["inPlace", "inPlace", "pool", "pool"]);
    for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ type: "bytes" });
    await compute();
    expect(where.at(-1)).toBe("inPlace");
  });
});
