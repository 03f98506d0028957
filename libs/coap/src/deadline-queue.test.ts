import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { type Deadline, DeadlineQueue, NOT_QUEUED } from "./deadline-queue.ts";

it("gives back what was put in and not taken out, in order of time", () => {
  const step = fc.record({ item: fc.nat({ max: 9 }), dueMs: fc.option(fc.nat({ max: 50 }), { nil: undefined }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const items: Deadline[] = Array.from({ length: 10 }, () => ({ dueMs: 0, place: NOT_QUEUED }));
      const queue = new DeadlineQueue<Deadline>();
      const model = new Map<Deadline, number>();
      for (const { item: index, dueMs } of steps) {
        const item = items[index] as Deadline; // Ten items.
        if (dueMs === undefined) {
          queue.delete(item);
          model.delete(item);
        } else {
          queue.set(item, dueMs);
          model.set(item, dueMs);
        }
        expect(queue.nextMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
      }
      const taken: number[] = [];
      for (let item = queue.takeDue(50); item !== undefined; item = queue.takeDue(50)) taken.push(item.dueMs);
      expect(taken).toEqual([...model.values()].sort((a, b) => a - b));
    }),
  );
});

it("gives nothing before its time", () => {
  const queue = new DeadlineQueue<Deadline>();
  queue.set({ dueMs: 0, place: NOT_QUEUED }, 10);
  expect(queue.takeDue(9)).toBeUndefined();
  expect(queue.takeDue(10)).toBeDefined();
});
