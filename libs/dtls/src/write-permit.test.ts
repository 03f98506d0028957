import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { WritePermit } from "./write-permit.ts";

it("gives each number once, upwards and below the ceiling, whatever is reserved when", () => {
  const step = fc.oneof(fc.constant("take" as const), fc.nat({ max: 3000 }));
  fc.assert(
    fc.property(
      fc.nat({ max: 2 ** 40 }),
      fc.nat({ max: 100 }),
      fc.array(step, { maxLength: 200 }),
      (from, block, steps) => {
        const permit = new WritePermit({ stamp: 1, slot: 2, from, ceiling: from + block }, "stamped");
        const nonces = new Set<string>();
        let ceiling = from + block;
        let next = from;
        for (const it of steps) {
          if (it !== "take") {
            permit.extend(from + it);
            ceiling = Math.max(ceiling, from + it);
            continue;
          }
          const number = permit.take();
          expect(number?.sequence).toBe(next < ceiling ? next : undefined);
          if (number === undefined) continue;
          next++;
          nonces.add(Buffer.from(number.nonce).toString("hex"));
        }
        expect(nonces.size).toBe(next - from);
        expect(permit.grant).toEqual({ stamp: 1, slot: 2, from: next, ceiling });
        if (next === ceiling) expect([permit.lacks, permit.isLow]).toEqual(["sequence", true]);
      },
    ),
  );
});
