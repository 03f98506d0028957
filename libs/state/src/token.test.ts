import { expect, it } from "@jest/globals";
import fc from "fast-check";
import { SHARDS } from "./shard.ts";
import { observationToken, parseToken, requestToken, TOKEN_KIND } from "./token.ts";

const shard = fc.integer({ min: 0, max: SHARDS - 1 });
const random = (size: number): Uint8Array => new Uint8Array(size).fill(0xab);

it("A token is version 2 bits · kind 2 bits · shard 12 bits · slot 8 bits · random 40 bits", () => {
  expect(Buffer.from(requestToken(0xabc, 0x3f, random)).toString("hex")).toBe("0abc3fababababab");
  expect(Buffer.from(observationToken(0xabc, random)).toString("hex")).toBe("1abcffababababab");
});

it("A request's token names its slot, an observation's names none", () => {
  fc.assert(
    fc.property(shard, fc.integer({ min: 0, max: 191 }), (of, slot) => {
      expect(parseToken(requestToken(of, slot, random))).toEqual({ kind: TOKEN_KIND.request, shard: of, slot });
      expect(parseToken(observationToken(of, random))).toEqual({
        kind: TOKEN_KIND.observation,
        shard: of,
        slot: undefined,
      });
    }),
  );
});

it("Any other bytes are not one of our tokens, or are read without harm", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
      const parts = parseToken(bytes);
      const ours = bytes.length === 8 && (bytes[0] ?? 0) < 0x20;
      expect(parts !== undefined).toBe(ours);
      if (parts !== undefined) expect(parts.shard).toBeLessThan(SHARDS);
    }),
  );
});
