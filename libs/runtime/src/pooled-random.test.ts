import { expect, it } from "@jest/globals";
import { pooledRandom } from "./pooled-random.ts";

/** Numbers instead of chance. */
function counter(): (size: number) => Uint8Array {
  let next = 0;
  return (size) => Uint8Array.from({ length: size }, () => next++);
}

it("gives every byte out once, in one draw for many", () => {
  const draws: number[] = [];
  const draw = counter();
  const random = pooledRandom((size) => {
    draws.push(size);
    return draw(size);
  });
  expect([...random(2), ...random(3), ...random(0)]).toEqual([0, 1, 2, 3, 4]);
  expect(draws).toEqual([4096]);
});

it("draws anew when what is left does not suffice, and apart what is larger than a draw", () => {
  const random = pooledRandom();
  expect(random(4000)).toHaveLength(4000);
  expect(random(97)).toHaveLength(97);
  expect(random(5000)).toHaveLength(5000);
});

it("does not change what it gave out", () => {
  const random = pooledRandom();
  const first = random(16);
  const before = [...first];
  for (let times = 0; times < 1000; times++) random(16);
  expect([...first]).toEqual(before);
});
