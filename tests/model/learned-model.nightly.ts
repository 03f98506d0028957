import { describe, expect, it } from "@jest/globals";
import { committed, learn, NAMES } from "./learn.ts";

/** Two minutes each on an idle machine. */
const TIMEOUT_MS = 1_200_000;
const WALKS = 600;

describe("the server's state machine as it is learned from outside, with many doubts", () => {
  it.each(NAMES)(
    "is the committed one: %s",
    async (name) => {
      expect(await learn(name, WALKS)).toBe(committed(name));
    },
    TIMEOUT_MS,
  );
});
