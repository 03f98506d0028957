import { describe, expect, it } from "@jest/globals";
import { PRIORITY, WorkQueue } from "./work-queue.ts";

/** Tasks that note when they start, and end when told. */
function recorder(): { started: string[]; task: (name: string) => () => Promise<void>; end: () => Promise<void> } {
  const started: string[] = [];
  const ends: (() => void)[] = [];
  return {
    started,
    task: (name) => () => {
      started.push(name);
      return new Promise((resolve) => ends.push(resolve));
    },
    end: async () => {
      ends.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe("the work of one device", () => {
  it("runs one task at a time (RFC 7252 §4.7, NSTART 1)", async () => {
    const { started, task, end } = recorder();
    const queue = new WorkQueue();
    queue.add(PRIORITY.setup, task("a"));
    queue.add(PRIORITY.setup, task("b"));
    expect(started).toEqual(["a"]);
    await end();
    expect(started).toEqual(["a", "b"]);
  });

  it("lets an RPC pass the set-up, and keeps the order among equals", async () => {
    const { started, task, end } = recorder();
    const queue = new WorkQueue();
    queue.add(PRIORITY.setup, task("running"));
    queue.add(PRIORITY.setup, task("read"));
    queue.add(PRIORITY.rpc, task("first rpc"));
    queue.add(PRIORITY.rpc, task("second rpc"));
    queue.add(PRIORITY.notificationBlocks, task("blocks"));
    for (let task = 0; task < 5; task++) await end();
    expect(started).toEqual(["running", "blocks", "first rpc", "second rpc", "read"]);
  });

  it("forgets what waits when it is cleared, and can be used again", async () => {
    const { started, task, end } = recorder();
    const queue = new WorkQueue();
    queue.add(PRIORITY.rpc, task("running"));
    queue.add(PRIORITY.rpc, task("forgotten"));
    queue.clear();
    await end();
    queue.add(PRIORITY.rpc, task("later"));
    expect(started).toEqual(["running", "later"]);
  });

  it("drops what waits with one priority and keeps the rest", async () => {
    const { started, task, end } = recorder();
    const queue = new WorkQueue();
    const dropped: string[] = [];
    queue.add(PRIORITY.rpc, task("running"));
    queue.add(PRIORITY.rpc, task("rpc"), () => dropped.push("rpc"));
    queue.add(PRIORITY.setup, task("setup"), () => dropped.push("setup"));
    queue.clear(PRIORITY.rpc);
    await end();
    expect(dropped).toEqual(["rpc"]);
    expect(started).toEqual(["running", "setup"]);
    await end();
  });
});
