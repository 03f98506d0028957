import { MAX_IN_HAND } from "@ferry/state";
import { describe, expect, it } from "@jest/globals";
import { afterTimeout, nextStep } from "./request-policy.ts";

const AWAKE = { reachable: true, othersWait: false, inHand: 0 };
const REQUEST = { expiresAtMs: 1_000, failFast: false };

describe("a request that the device has to answer", () => {
  it.each([
    ["gets its turn when the device is reachable", REQUEST, AWAKE, "send"],
    ["waits for a device that is not", REQUEST, { ...AWAKE, reachable: false }, "wait"],
    [
      "does not wait when it is to fail fast",
      { ...REQUEST, failFast: true },
      { ...AWAKE, reachable: false },
      "unreachable",
    ],
    [
      "to fail fast is carried out as any other when the device is reachable",
      { ...REQUEST, failFast: true },
      AWAKE,
      "send",
    ],
    ["does not overtake those that wait in the store", REQUEST, { ...AWAKE, othersWait: true }, "later"],
    ["stays in the store while many are in hand", REQUEST, { ...AWAKE, inHand: MAX_IN_HAND }, "later"],
    ["ends at its deadline, whatever else", { ...REQUEST, expiresAtMs: 500 }, { ...AWAKE, reachable: false }, "lapsed"],
  ] as const)("%s", (_, request, device, step) => {
    expect(nextStep(request, device, 500)).toBe(step);
  });
});

describe("a request that the device did not answer in time", () => {
  const request = { retries: undefined, persistent: false, expiresAtMs: 1_000 };
  const facts = { atMostOnce: false, outOfReach: false, timeouts: 1 };

  it.each([
    ["ends when it asks for no retries and the device does not sleep", request, facts, "timeout"],
    ["is tried again when the device sleeps", request, { ...facts, outOfReach: true }, "again"],
    ["is tried again when it is persistent", { ...request, persistent: true }, facts, "again"],
    ["is tried again when it asks for retries", { ...request, retries: 1 }, facts, "again"],
    [
      "is never sent a second time when it does something each time",
      { ...request, retries: 5 },
      { ...facts, atMostOnce: true },
      "timeout",
    ],
    ["ends at its deadline", { ...request, retries: 5, expiresAtMs: 500 }, facts, "timeout"],
  ] as const)("%s", (_, asked, known, type) => {
    expect(afterTimeout(asked, known, 500).type).toBe(type);
  });

  it.each([
    [0, 0],
    [3, 3],
    [5, 5],
    [9, 5],
    [undefined, 5],
  ])("with retries %p is tried again %p times", (retries, times) => {
    const asked = { ...request, persistent: true, retries };
    for (let timeouts = 1; timeouts <= times; timeouts++)
      expect(afterTimeout(asked, { ...facts, timeouts }, 500)).toEqual({ type: "again" });
    expect(afterTimeout(asked, { ...facts, timeouts: times + 1 }, 500)).toEqual({ type: "exhausted", retries: times });
  });
});
