import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  type BootstrapSummary,
  SUMMARY_MAX_BYTES,
  SUMMARY_MAX_SERVERS,
  SUMMARY_MAX_STEPS,
  SUMMARY_TEXT_MAX_BYTES,
} from "./bootstrap-store.ts";
import { decodeSummary, encodeSummary, summaryRank } from "./bootstrap-summary.ts";
import { StoredValueError } from "./errors.ts";

const EMPTY: BootstrapSummary = {
  sessionId: "",
  node: "",
  startedAtMs: 1_800_000_000_000,
  outcome: "failed",
  reason: "",
  securityMode: "PSK",
  servers: [],
  steps: [],
};
const EMPTY_STORED = { v: 1, ...EMPTY };

const time = fc.integer({ min: 0, max: 2 ** 48 });

function readOrRefused(text: string): BootstrapSummary | undefined {
  try {
    return decodeSummary(text);
  } catch (error) {
    if (error instanceof StoredValueError) return undefined;
    throw error;
  }
}

function summaries(texts: fc.Arbitrary<string>, lists: number): fc.Arbitrary<BootstrapSummary> {
  const list = { maxLength: lists, size: "max" } as const;
  return fc.record(
    {
      sessionId: texts,
      node: texts,
      startedAtMs: time,
      endedAtMs: time,
      outcome: fc.constantFrom("running", "finished", "failed"),
      reason: texts,
      securityMode: fc.constantFrom("NO_SEC", "PSK", "RPK", "X509"),
      servers: fc.array(texts, list),
      steps: fc.array(fc.record({ atMs: time, step: texts, path: texts, code: texts, reason: texts }), list),
      stepsLeftOut: fc.integer({ min: 1, max: 1_000 }),
    },
    { requiredKeys: ["sessionId", "node", "startedAtMs", "outcome", "reason", "securityMode", "servers", "steps"] },
  );
}
const small: fc.Arbitrary<BootstrapSummary> = summaries(fc.string({ maxLength: 10 }), 12);
const large: fc.Arbitrary<BootstrapSummary> = summaries(fc.string({ unit: "binary", maxLength: 300, size: "max" }), 80);

describe("a bootstrap summary", () => {
  it("is read as it was stored, within its limits", () => {
    fc.assert(fc.property(small, (summary) => expect(decodeSummary(encodeSummary(summary))).toEqual(summary)));
  });

  it("is never larger than 8 KiB, whatever it is made of, and tells what was left out", () => {
    fc.assert(
      fc.property(large, (summary) => {
        const text = encodeSummary(summary);
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(SUMMARY_MAX_BYTES);
        const { servers, steps, stepsLeftOut = 0, ...rest } = decodeSummary(text);
        expect(rest).toMatchObject({ startedAtMs: summary.startedAtMs, outcome: summary.outcome });
        expect(servers.length).toBeLessThanOrEqual(SUMMARY_MAX_SERVERS);
        expect(steps.length).toBeLessThanOrEqual(SUMMARY_MAX_STEPS);
        expect(stepsLeftOut + steps.length).toBe((summary.stepsLeftOut ?? 0) + summary.steps.length);
        if (steps.length > 0) expect(steps.at(-1)?.atMs).toBe(summary.steps.at(-1)?.atMs);
      }),
      { numRuns: 30 },
    );
  });

  it("holds 64 steps and a server of a hundred characters each", () => {
    const text = (size: number): string => "x".repeat(size);
    const steps = Array.from({ length: 64 }, (_, atMs) => ({
      atMs: 1e12 + atMs,
      step: text(10),
      path: "/65535/65535",
      code: "2.04",
      reason: "",
    }));
    const servers = [text(100), text(100)];
    const summary: BootstrapSummary = { ...EMPTY, node: text(60), servers, steps };
    expect(decodeSummary(encodeSummary(summary))).toEqual(summary);
  });

  it("loses its steps, and then servers, where they are all escapes", () => {
    const text = "\0".repeat(SUMMARY_TEXT_MAX_BYTES);
    const step = { atMs: 1, step: "", path: "", code: "", reason: "" };
    const summary = { ...EMPTY, servers: Array.from({ length: SUMMARY_MAX_SERVERS }, () => text), steps: [step, step] };
    expect(decodeSummary(encodeSummary(summary))).toEqual({ ...EMPTY, servers: Array(4).fill(text), stepsLeftOut: 2 });
  });

  it("cuts a text that is too long before the first character that has no room", () => {
    const reasonOf = (reason: string): string => decodeSummary(encodeSummary({ ...EMPTY, reason })).reason;
    expect(reasonOf("x".repeat(SUMMARY_TEXT_MAX_BYTES))).toBe("x".repeat(SUMMARY_TEXT_MAX_BYTES));
    expect(reasonOf(`${"x".repeat(SUMMARY_TEXT_MAX_BYTES - 1)}€`)).toBe("x".repeat(SUMMARY_TEXT_MAX_BYTES - 1));
    expect(reasonOf("\ud800")).toBe("\ufffd"); // Half a surrogate pair is no character.
  });

  it.each([
    "",
    "{",
    "null",
    "7",
    "[]",
    "{}",
    JSON.stringify({ ...EMPTY_STORED, v: 2 }),
    JSON.stringify({ ...EMPTY_STORED, steps: [{}] }),
    JSON.stringify({ ...EMPTY_STORED, servers: [1] }),
    JSON.stringify({ ...EMPTY_STORED, outcome: "perhaps" }),
    JSON.stringify({ ...EMPTY_STORED, endedAtMs: "soon" }),
  ])("is none where anything else is stored: %j", (text) => {
    expect(() => decodeSummary(text)).toThrow(StoredValueError);
  });

  it("is refused with any field of another kind, or read as what is stored again", () => {
    const damage = fc.tuple(fc.constantFrom(...Object.keys(EMPTY_STORED)), fc.jsonValue());
    fc.assert(
      fc.property(small, damage, (summary, [field, value]) => {
        const text = JSON.stringify({ ...JSON.parse(encodeSummary(summary)), [field]: value });
        const read = readOrRefused(text);
        if (read !== undefined) expect(decodeSummary(encodeSummary(read))).toEqual(read);
      }),
    );
  });

  it("is read whole or refused, whatever the text", () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(() => decodeSummary(text)).toThrow(StoredValueError);
      }),
    );
  });

  it("has a greater rank the later its session began, and once that has ended", () => {
    const ranks = [
      summaryRank({ startedAtMs: 1 }),
      summaryRank({ startedAtMs: 1, endedAtMs: 5 }),
      summaryRank({ startedAtMs: 2 }),
    ];
    expect(ranks).toEqual(ranks.toSorted((a, b) => a - b));
    expect(new Set(ranks).size).toBe(3);
  });
});
