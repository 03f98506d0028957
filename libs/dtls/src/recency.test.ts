import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { type Linked, Recency } from "./recency.ts";

interface Item extends Linked<Item> {
  readonly name: number;
}

it("gives its items back in the order of their last use", () => {
  const step = fc.record({ name: fc.nat({ max: 5 }), isUsed: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const items = Array.from({ length: 6 }, (_, name): Item => ({ name, older: undefined, newer: undefined }));
      const recency = new Recency<Item>();
      let model: number[] = [];
      for (const { name, isUsed } of steps) {
        const item = items[name] as Item; // Six items.
        model = model.filter((other) => other !== name);
        if (isUsed) {
          recency.touch(item);
          model.push(name);
        } else {
          recency.delete(item);
        }
      }
      const given: number[] = [];
      for (let item = recency.oldest; item !== undefined; item = recency.oldest) {
        given.push(item.name);
        recency.delete(item);
      }
      expect(given).toEqual(model);
    }),
  );
});
