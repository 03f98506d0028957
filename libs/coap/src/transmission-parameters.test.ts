import { expect, it } from "@jest/globals";
import { DEFAULT_TRANSMISSION_PARAMETERS, deriveTimes } from "./transmission-parameters.ts";

it("derives the times of RFC 7252 §4.8.2", () => {
  expect(deriveTimes(DEFAULT_TRANSMISSION_PARAMETERS)).toEqual({
    maxTransmitSpanMs: 45_000,
    maxTransmitWaitMs: 93_000,
    maxRttMs: 202_000,
    exchangeLifetimeMs: 247_000,
    nonLifetimeMs: 145_000,
  });
});
