import { randomBytes } from "node:crypto";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { makeRegistrationId, registrationIdShard } from "./registration-id.ts";
import { SHARDS } from "./shard.ts";

it("A registration id is 14 characters of base64url that name version and shard", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: SHARDS - 1 }), (shard) => {
      const registrationId = makeRegistrationId(shard, randomBytes);
      expect(registrationId).toMatch(/^[A-Za-z0-9_-]{14}$/);
      expect(registrationIdShard(registrationId)).toBe(shard);
    }),
  );
  expect(makeRegistrationId(0xabc, (size) => new Uint8Array(size))).toBe("KvAAAAAAAAAAAA");
});

it("All of its 70 random bits differ", () => {
  const ids = Array.from({ length: 200 }, () => makeRegistrationId(0, randomBytes));
  expect(new Set(ids).size).toBe(200);
  // The third character begins with the last two bits of the shard; every one behind it takes many values.
  for (let at = 3; at < 14; at++) expect(new Set(ids.map((id) => id[at])).size).toBeGreaterThan(30);
});

it("What is not one of our registration ids has no shard", () => {
  expect(registrationIdShard(`_${"A".repeat(13)}`)).toBeUndefined(); // Another version.
  fc.assert(
    fc.property(fc.string({ maxLength: 20 }), (text) => {
      const shard = registrationIdShard(text);
      if (!/^[A-Za-z0-9_-]{14}$/.test(text)) expect(shard).toBeUndefined();
    }),
  );
});
