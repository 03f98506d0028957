import { afterEach, beforeEach, expect, it } from "@jest/globals";
import { until } from "../transport-fixture.ts";
import type { EncodedAnswer } from "./finish-request.ts";
import { HeldAnswers } from "./held-answers.ts";

const MIB = 1024 * 1024;

let isStoreAway: boolean;
let told: string[];
let answers: HeldAnswers;
beforeEach(() => {
  isStoreAway = true;
  told = [];
  answers = new HeldAnswers(async ({ request: { requestId } }) => {
    if (!isStoreAway) told.push(requestId);
    return !isStoreAway;
  });
});
afterEach(() => answers.stop());

function answerOf(requestId: string, bytes: number): EncodedAnswer {
  const request = { tenant: "default", endpoint: "ep-1", requestId, contentType: "application/json" } as const;
  return { request, status: "SUCCESSFUL", response: new Uint8Array(bytes) };
}

it("Answers are held up to 64 MiB until the store is told, and then there is room again", async () => {
  for (let index = 0; index < 64; index++) expect(answers.hold(answerOf(`r-${index}`, MIB))).toBe(true);
  expect(answers.hold(answerOf("too much", 1))).toBe(false);
  isStoreAway = false;
  await until(() => answers.size === 0, "the store to be told");
  expect(told).toHaveLength(64);
  expect(answers.hold(answerOf("r-64", 64 * MIB))).toBe(true);
});

it("Of two answers to one request the first is held", async () => {
  expect(answers.hold(answerOf("r-1", 64 * MIB))).toBe(true);
  expect(answers.hold(answerOf("r-1", 1))).toBe(true);
  expect(answers.hold(answerOf("r-2", 1))).toBe(false);
});
