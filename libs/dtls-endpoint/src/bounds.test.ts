import { generateKeyPairSync } from "node:crypto";
import type { Answer, CryptoJob } from "@ferry/dtls";
import { describe, expect, it } from "@jest/globals";
import { Computations } from "./computations.ts";
import { LastSessions, MAX_LAST_SESSIONS } from "./last-sessions.ts";
import { LookupGuard, MAX_REMEMBERED, REMEMBER_MS } from "./lookup-guard.ts";
import { MAX_REFUSALS, REFUSAL_MEMORY_MS, RefusalMemory } from "./refusal-memory.ts";

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
  it("are news once for each peer and reason in a while", () => {
    let nowMs = 0;
    const memory = new RefusalMemory(() => nowMs);
    expect(memory.note("meter-1", "wrongKey")).toBe(true);
    expect(memory.note("meter-1", "wrongKey")).toBe(false);
    expect(memory.note("meter-1", "timeout")).toBe(true);
    expect(memory.note("meter-2", "wrongKey")).toBe(true);
    nowMs = REFUSAL_MEMORY_MS;
    expect(memory.note("meter-1", "wrongKey")).toBe(true);
  });

  it("are remembered in bounded memory", () => {
    const memory = new RefusalMemory(() => 0);
    for (let n = 0; n <= MAX_REFUSALS; n++) memory.note(`${n}`, "timeout");
    expect(memory.note("0", "timeout")).toBe(true);
    expect(memory.note(`${MAX_REFUSALS}`, "timeout")).toBe(false);
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
