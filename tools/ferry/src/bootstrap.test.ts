import { expect, it } from "@jest/globals";
import { formatBootstrap } from "./bootstrap.ts";

const STARTED_AT_MS = Date.UTC(2026, 10, 23, 12);
const STEP = { path: "", code: "2.04", reason: "" };
const LAST = {
  sessionId: "0123456789abcdef",
  node: "bootstrap-64",
  startedAtMs: STARTED_AT_MS,
  endedAtMs: STARTED_AT_MS + 1_250,
  outcome: "finished",
  reason: "",
  securityMode: "PSK",
  servers: ["server 123 coaps://lwm2m.example.org:5686 PSK"],
  steps: [
    { ...STEP, atMs: STARTED_AT_MS, step: "STARTED" },
    { ...STEP, atMs: STARTED_AT_MS + 200, step: "WRITTEN", path: "/0/1" },
    { ...STEP, atMs: STARTED_AT_MS + 1_250, step: "FINISHED" },
  ],
} as const;

it("A bootstrap is shown with its outcome, and its steps with their times", () => {
  expect(formatBootstrap("meter-1", LAST)).toBe(`endpoint  meter-1
outcome   finished after 1250 ms
security  PSK
servers   server 123 coaps://lwm2m.example.org:5686 PSK
session   0123456789abcdef
node      bootstrap-64

TIME                      STEP      PATH  ANSWER  REASON
2026-11-23T12:00:00.000Z  started         2.04
2026-11-23T12:00:00.200Z  written   /0/1  2.04
2026-11-23T12:00:01.250Z  finished        2.04
`);
});

it("A bootstrap that is under way has no end yet", () => {
  const { endedAtMs: _, ...running } = LAST;
  expect(formatBootstrap("meter-1", { ...running, outcome: "running" })).toMatch(/^outcome {3}running$/m);
});

it("A refused request is shown with its reason, and without a session", () => {
  const reason = "the profile meter has no servers";
  const steps = [{ ...STEP, atMs: STARTED_AT_MS, step: "REFUSED", code: "4.00", reason }];
  const refused = { ...LAST, sessionId: "", endedAtMs: STARTED_AT_MS, servers: [], reason, steps };
  const text = formatBootstrap("meter-1", { ...refused, outcome: "failed" });
  expect(text).toMatch(
    /^outcome {3}failed after 0 ms: the profile meter has no servers\n.*^servers {3}none\nsession {3}none$/ms,
  );
  expect(text).toMatch(/Z {2}refused {8}4\.00 {4}the profile meter has no servers\n$/);
});

it("Steps that are not kept are counted", () => {
  expect(formatBootstrap("meter-1", { ...LAST, stepsLeftOut: 7 })).toContain(
    "\n7 steps before these are not kept\nTIME",
  );
});

it("No control character of a device reaches the terminal", () => {
  const steps = [{ ...STEP, atMs: 0, step: "FAILED", code: "4.00", reason: "\u001b[2J" }];
  const text = formatBootstrap("meter-1", { ...LAST, reason: "\u001b[2J", steps });
  expect(text).not.toContain("\u001b");
  expect(text).toContain("4.00    \\u001b[2J\n");
});
