import type { MultipleResourceNode, ResourceValue } from "@ferry/lwm2m";
import fc from "fast-check";

/** A number where it is exact, a bigint beyond, as values have integers. */
const integer = (min: bigint, max: bigint) =>
  fc.bigInt(min, max).map((big) => (Number.isSafeInteger(Number(big)) ? Number(big) : big));

/** An id of an object, an instance or a resource instance. */
export const anyId: fc.Arbitrary<number> = fc.nat(65_535);

/** Any text that UTF-8 can carry, short and long. */
export const anyText: fc.Arbitrary<string> = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary-ascii", minLength: 60, maxLength: 300 }),
);

/** A single value of any data type. */
export const anyValue: fc.Arbitrary<ResourceValue> = fc.oneof(
  anyText.map((value) => ({ type: "STRING", value }) as const),
  integer(-(2n ** 63n), 2n ** 63n - 1n).map((value) => ({ type: "INTEGER", value }) as const),
  fc.integer({ min: -300, max: 300 }).map((value) => ({ type: "INTEGER", value }) as const),
  integer(0n, 2n ** 64n - 1n).map((value) => ({ type: "UNSIGNED_INTEGER", value }) as const),
  fc.double().map((value) => ({ type: "FLOAT", value }) as const),
  fc.boolean().map((value) => ({ type: "BOOLEAN", value }) as const),
  fc.uint8Array({ maxLength: 200 }).map((value) => ({ type: "OPAQUE", value }) as const),
  fc.integer({ min: -1e12, max: 4e12 }).map((value) => ({ type: "TIME", value }) as const),
  fc.record({ objectId: anyId, objectInstanceId: anyId }).map((value) => ({ type: "OBJLNK", value }) as const),
  fc.constant({ type: "OBJLNK", value: { objectId: 0, objectInstanceId: 0 } } as const),
  anyText.map((value) => ({ type: "CORELINK", value }) as const),
);

/** A resource with any instances, in the order of their ids. */
export const anyInstances: fc.Arbitrary<MultipleResourceNode> = fc
  .uniqueArray(fc.tuple(anyId, anyValue), { selector: ([id]) => id, maxLength: 8 })
  .map((entries) => ({
    type: "multipleResource",
    id: 7,
    dataType: "STRING",
    instances: entries
      .sort(([one], [other]) => one - other)
      .map(([id, value]) => ({ type: "resourceInstance", id, value })),
  }));
