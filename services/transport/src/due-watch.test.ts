import { NOT_QUEUED } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { DueWatch } from "./due-watch.ts";

const item = (name: string) => ({ name, dueMs: 0, place: NOT_QUEUED });

describe("what is watched", () => {
  it("is told once when it is due, the first due first", () => {
    const watch = new DueWatch<ReturnType<typeof item>>();
    watch.handle({ item: item("b"), dueMs: 20 });
    watch.handle({ item: item("a"), dueMs: 10 });
    expect(watch.deadlineMs).toBe(10);
    expect(watch.tick(9)).toEqual([]);
    expect(watch.tick(20).map(({ name }) => name)).toEqual(["a", "b"]);
    expect(watch.tick(30)).toEqual([]);
    expect(watch.deadlineMs).toBeUndefined();
  });

  it("can move, and leave", () => {
    const watch = new DueWatch<ReturnType<typeof item>>();
    const [moved, gone] = [item("moved"), item("gone")];
    watch.handle({ item: moved, dueMs: 10 });
    watch.handle({ item: gone, dueMs: 10 });
    watch.handle({ item: moved, dueMs: 30 });
    watch.handle({ item: gone, dueMs: undefined });
    expect(watch.tick(20)).toEqual([]);
    expect(watch.tick(30)).toEqual([moved]);
  });
});
