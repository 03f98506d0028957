import { UnencodableContentError, UnexpectedResponseError } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { retryDelayMs, verdictOn } from "./fault-rules.ts";
import type { Performed } from "./perform.ts";

const answered = (code: number, observing?: boolean): Performed => ({
  type: "answered",
  outcome: { code, ...(observing === undefined ? {} : { observing }) },
});
const unexpected = new UnexpectedResponseError("2.04 for a Read", {
  reason: "code",
  responseCode: 204,
  contentFormat: 0,
});

describe("what follows from an attempt", () => {
  it.each<[string, Performed, string]>([
    ["2.05", answered(205), "done"],
    ["2.05 of an Observe", answered(205, true), "done"],
    ["2.05 of an Observe that is taken for a Read", answered(205, false), "refused"],
    ["4.00", answered(400), "refused"],
    ["4.01", answered(401), "refused"],
    ["4.03", answered(403), "refused"],
    ["4.04", answered(404), "refused"],
    ["4.05", answered(405), "refused"],
    ["4.06 in every format", answered(406), "failed"],
    ["4.29", answered(429), "failed"],
    ["5.03", answered(503), "failed"],
    ["an answer that makes no sense", { type: "invalid", error: unexpected }, "failed"],
    ["an answer that is good in part", { type: "invalid", error: unexpected, kept: true }, "done"],
    ["what cannot be encoded", { type: "invalid", error: new UnencodableContentError("no") }, "refused"],
    ["no answer in time", { type: "failed", reason: "timeout" }, "failed"],
    ["RST", { type: "failed", reason: "reset" }, "failed"],
    ["a device that moved twice", { type: "failed", reason: "cancelled" }, "unsent"],
    ["a device that slept, or woke, before it answered", { type: "unreachable" }, "unheard"],
  ])("%s", (_, performed, verdict) => {
    expect(verdictOn(performed, true)).toBe(verdict);
  });

  it("that sent nothing: nothing is known", () => {
    expect(verdictOn({ type: "unreachable" }, false)).toBe("unsent");
  });
});

describe("the time until the next try", () => {
  const settings = { retryAfterMs: 10_000, retryAtMostMs: 3_600_000 };

  it("doubles with each failure up to the limit, the second half of it at random", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.uint8Array({ minLength: 2, maxLength: 2 }),
        (failures, bytes) => {
          const ceilingMs = Math.min(10_000 * 2 ** (failures - 1), 3_600_000);
          const delayMs = retryDelayMs(failures, settings, () => bytes);
          expect(delayMs).toBeGreaterThanOrEqual(ceilingMs / 2);
          expect(delayMs).toBeLessThanOrEqual(ceilingMs);
        },
      ),
    );
    expect(retryDelayMs(1, settings, () => Uint8Array.of(0, 0))).toBe(5_000);
    expect(retryDelayMs(2, settings, () => Uint8Array.of(255, 255))).toBe(20_000);
  });
});
