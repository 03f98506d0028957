import { MemoryNodeDirectory } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { LiveSlots } from "../live-slots.ts";
import { OwnerQuestions } from "./ask-owner.ts";

it("An owner has 200 ms to answer, and the store that says whether it lives is within them", async () => {
  const nodes = new MemoryNodeDirectory();
  nodes.list = () => new Promise(() => {}); // A Redis that hangs.
  const timers: { readonly ms: number; readonly then: () => void }[] = [];
  const questions = new OwnerQuestions(
    {
      node: { slot: 1, bootId: "asking" },
      liveSlots: new LiveSlots(nodes, () => 0),
      records: { command: async () => {} },
      clock: { wallMs: () => 0, monotonicMs: () => 0 },
      unpublished: () => {},
    },
    (ms, then) => void timers.push({ ms, then }),
  );
  const owner = { slot: 2, bootId: "asked" };
  const answer = questions.ask({ device: { tenant: "default", endpoint: "ep-2" }, id: "a", owner, stamp: 1 }, 7);
  expect(timers.map(({ ms }) => ms)).toEqual([200]);
  timers[0]?.then();
  expect(await answer).toBeUndefined();
});
