import { lwm2m } from "@ferry/proto";
import { describe, expect, it } from "@jest/globals";
import { type BootstrapSummary, SUMMARY_MAX_STEPS } from "./bootstrap-store.ts";
import { summariseBootstrap } from "./summarise-bootstrap.ts";

const { BootstrapStep: Step, BootstrapResult: Result } = lwm2m.v1;

type Said = Omit<lwm2m.v1.BootstrapRecord.$Properties, "sessionId" | "context">;

/** What is known after these records, by session and what they say; the first is of ms 1, the second of ms 2. */
function after(...records: readonly (readonly [string, Said])[]): BootstrapSummary | undefined {
  return records.reduce<BootstrapSummary | undefined>(
    (last, [sessionId, said], index) =>
      summariseBootstrap(last, { sessionId, context: { node: "bootstrap-64", ingestTimeMs: index + 1 }, ...said }),
    undefined,
  );
}

const STARTED = { step: Step.BOOTSTRAP_STEP_STARTED };
const REFUSED = { step: Step.BOOTSTRAP_STEP_REFUSED, result: Result.BOOTSTRAP_RESULT_REFUSED, reason: "no" };
const WRITTEN = { step: Step.BOOTSTRAP_STEP_WRITTEN };

describe("the last bootstrap of a device, by its records", () => {
  it("has the steps, and how it ended", () => {
    const server = { shortServerId: 123, uri: "coaps://lwm2m.example.org:5686", securityMode: "PSK" };
    const known = after(
      ["a", { ...STARTED, code: "2.04", securityMode: "PSK", servers: [server] }],
      ["a", { ...WRITTEN, path: "/0/1", code: "2.04" }],
      ["a", { step: Step.BOOTSTRAP_STEP_FINISHED, code: "2.04", result: Result.BOOTSTRAP_RESULT_SUCCEEDED }],
    );
    expect(known).toEqual({
      sessionId: "a",
      node: "bootstrap-64",
      startedAtMs: 1,
      endedAtMs: 3,
      outcome: "finished",
      reason: "",
      securityMode: "PSK",
      servers: ["server 123 coaps://lwm2m.example.org:5686 PSK"],
      steps: [
        { atMs: 1, step: "STARTED", path: "", code: "2.04", reason: "" },
        { atMs: 2, step: "WRITTEN", path: "/0/1", code: "2.04", reason: "" },
        { atMs: 3, step: "FINISHED", path: "", code: "2.04", reason: "" },
      ],
    });
  });

  it("is under way until a record says how it ended", () => {
    const known = after(["a", STARTED], ["a", WRITTEN]);
    expect(known).toMatchObject({ outcome: "running" });
    expect(known).not.toHaveProperty("endedAtMs");
  });

  it.each([
    ["failed", Result.BOOTSTRAP_RESULT_FAILED],
    ["was replaced", Result.BOOTSTRAP_RESULT_REPLACED],
    ["was refused", Result.BOOTSTRAP_RESULT_REFUSED],
  ])("has its reason where it %s", (_, result) => {
    expect(after(["a", STARTED], ["a", { ...WRITTEN, result, reason: "no" }])).toMatchObject({
      outcome: "failed",
      endedAtMs: 2,
      reason: "no",
    });
  });

  it("is the one that began last: what is still said of an older one is passed over", () => {
    const ended = { step: Step.BOOTSTRAP_STEP_FAILED, result: Result.BOOTSTRAP_RESULT_REPLACED };
    expect(after(["a", STARTED], ["b", STARTED], ["a", ended], ["b", WRITTEN])).toMatchObject({
      sessionId: "b",
      outcome: "running",
      startedAtMs: 2,
      steps: [{ step: "STARTED" }, { step: "WRITTEN" }],
    });
  });

  it("may be a request that was refused, which begins no session", () => {
    const refused = { ...REFUSED, securityMode: "PSK" };
    expect(after(["a", STARTED], ["", refused], ["a", WRITTEN])).toMatchObject({
      sessionId: "",
      outcome: "failed",
      securityMode: "PSK",
      steps: [{ atMs: 2, step: "REFUSED", reason: "no" }],
    });
  });

  it("is not what somebody was refused who proved nothing, unless that is all that is known", () => {
    expect(after(["a", STARTED], ["", REFUSED], ["a", WRITTEN])).toMatchObject({
      sessionId: "a",
      outcome: "running",
      steps: [{ step: "STARTED" }, { step: "WRITTEN" }],
    });
    expect(after(["", REFUSED])).toMatchObject({ sessionId: "", outcome: "failed", securityMode: "" });
  });

  it("may have begun before the oldest record that there is", () => {
    expect(after(["a", WRITTEN])).toMatchObject({ sessionId: "a", startedAtMs: 1, steps: [{ step: "WRITTEN" }] });
  });

  it("has the servers that the device got where they are not those that it was to get", () => {
    const at = (uri: string): Said => ({ servers: [{ uri, securityMode: "PSK" }] });
    expect(
      after(["a", { ...STARTED, ...at("coaps://a") }], ["a", { ...WRITTEN, ...at("coaps://b") }])?.servers,
    ).toEqual(["bootstrap server coaps://b PSK"]);
  });

  it("is bounded: of many steps the first are left out, and counted", () => {
    const known = after(
      ["a", STARTED],
      ...Array.from({ length: 2 * SUMMARY_MAX_STEPS }, () => ["a", WRITTEN] as const),
    );
    expect(known?.steps).toHaveLength(SUMMARY_MAX_STEPS);
    expect(known?.steps[0]?.step).toBe("WRITTEN");
    expect(known?.stepsLeftOut).toBe(SUMMARY_MAX_STEPS + 1);
  });

  it("names a step of a newer release by its number", () => {
    expect(after(["a", { step: 99 as lwm2m.v1.BootstrapStep }])?.steps[0]?.step).toBe("99");
  });
});
