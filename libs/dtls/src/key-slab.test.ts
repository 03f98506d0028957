import { expect, it } from "@jest/globals";
import { KeySlab } from "./key-slab.ts";

it("keeps what was put in apart from all else", () => {
  const slab = new KeySlab(4);
  const slots = Array.from({ length: 3000 }, (_, n) => slab.put(Uint8Array.of(n >> 8, n), Uint8Array.of(1, 2)));
  expect(new Set(slots).size).toBe(3000);
  expect(slots.every((slot, n) => Buffer.from(slab.read(slot)).readUInt16BE() === n)).toBe(true);
});

it("overwrites what is erased, and uses its place again", () => {
  const slab = new KeySlab(2);
  const slot = slab.put(Uint8Array.of(1, 2));
  const bytes = slab.read(slot);
  slab.erase(slot);
  expect([...bytes]).toEqual([0, 0]);
  expect(slab.put(Uint8Array.of(3, 4))).toBe(slot);
});

it("takes only secrets of its size", () => {
  expect(() => new KeySlab(4).put(Uint8Array.of(1))).toThrow("secrets of 1 bytes do not fill a slot of 4");
});
