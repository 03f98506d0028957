import { BOOTSTRAP_SLOTS, TRANSPORT_SLOTS } from "@ferry/state";
import { MemoryNodeDirectory } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { LiveSlots } from "./live-slots.ts";

it("A bootstrap process is no transport node: budgets are not divided by it, and no response is forwarded to it", async () => {
  const nodes = new MemoryNodeDirectory();
  const entry = { bootId: "a", name: "a", address: "", version: "", draining: false, ready: true };
  await nodes.lease(entry, TRANSPORT_SLOTS, 10_000);
  await nodes.lease({ ...entry, bootId: "b" }, BOOTSTRAP_SLOTS, 10_000);
  const slots = new LiveSlots(nodes, () => 0);
  expect([await slots.count(), await slots.has(0), await slots.has(64)]).toEqual([1, true, false]);
  expect(await slots.isLive({ slot: 64, bootId: "b" })).toBe(false);
});
