import { expect, it } from "@jest/globals";
import { StateUnavailableError } from "./errors.ts";
import { SharedQuestion } from "./shared-question.ts";

/** A question whose answers a test gives, in the order in which it was put. */
function question(): { readonly shared: SharedQuestion<number>; readonly put: PromiseWithResolvers<number>[] } {
  const put: PromiseWithResolvers<number>[] = [];
  const shared = new SharedQuestion(() => {
    const answer = Promise.withResolvers<number>();
    put.push(answer);
    return answer.promise;
  });
  return { shared, put };
}

it("An answer is to a question that was put after the caller asked, and all who wait share it", async () => {
  const { shared, put } = question();
  const first = shared.ask();
  const second = [shared.ask(), shared.ask()];
  expect(put).toHaveLength(1);
  put[0]?.resolve(1);
  expect(await first).toBe(1);
  expect(put).toHaveLength(2);
  const third = shared.ask();
  put[1]?.resolve(2);
  expect(await Promise.all(second)).toEqual([2, 2]);
  put[2]?.resolve(3);
  expect(await third).toBe(3);
  expect(put).toHaveLength(3);
});

it("A failure is told to those who asked for it, and the next ask anew", async () => {
  const { shared, put } = question();
  const first = shared.ask();
  const second = shared.ask();
  put[0]?.reject(new StateUnavailableError("away"));
  await expect(first).rejects.toThrow(StateUnavailableError);
  put[1]?.resolve(2);
  expect(await second).toBe(2);
  const third = shared.ask();
  put[2]?.resolve(3);
  expect(await third).toBe(3);
});

it("Questions about different things are not shared, and none is kept when nobody waits for it", async () => {
  const put: string[] = [];
  const shared = new SharedQuestion(async (about: string) => {
    put.push(about);
    return about.length;
  });
  expect(shared.size).toBe(0);
  const answers = [shared.ask("a"), shared.ask("bb"), shared.ask("a"), shared.ask("a")];
  expect(put).toEqual(["a", "bb"]);
  expect(shared.size).toBe(2);
  expect(await Promise.all(answers)).toEqual([1, 2, 1, 1]);
  expect(put).toEqual(["a", "bb", "a"]);
  await Promise.resolve();
  expect(shared.size).toBe(0);
});
