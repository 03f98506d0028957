import { MemoryDeviceStore } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { StoreWatch } from "./store-watch.ts";

it("trusts a store that is the same as at the start, and doubts an emptied one for 10 minutes", async () => {
  let nowMs = 0;
  let lost = 0;
  let store = new MemoryDeviceStore();
  // What a connection is to a Redis that was emptied: the same, with other contents.
  const connection = new Proxy(store, { get: (_target, name) => Reflect.get(store, name, store).bind(store) });
  const watch = await StoreWatch.begin(
    connection,
    () => nowMs,
    () => {
      lost += 1;
    },
  );
  expect(await watch.inDoubt()).toBe(false);

  store = new MemoryDeviceStore();
  nowMs = 1_000;
  expect(await watch.inDoubt()).toBe(true);
  nowMs = 600_999;
  expect(await watch.inDoubt()).toBe(true);
  nowMs = 601_000;
  expect(await watch.inDoubt()).toBe(false);
  expect(lost).toBe(1);
});

it("doubts a store that is not restored when the watch begins, and tells so once", async () => {
  const emptied = new MemoryDeviceStore({ lost: true });
  let lost = 0;
  const watch = await StoreWatch.begin(
    emptied,
    () => 0,
    () => {
      lost += 1;
    },
  );
  expect(await watch.inDoubt()).toBe(true);
  await emptied.markRestored((await emptied.incarnation()).id);
  expect(await watch.inDoubt()).toBe(false);
  expect(lost).toBe(1);
});
