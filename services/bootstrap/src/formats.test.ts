import { describe, expect, it } from "@jest/globals";
import { writeFormats } from "./formats.ts";

describe("the Content-Format of a Bootstrap-Write", () => {
  it.each([
    ["the one that the device prefers, then TLV", 110, [], "1.1", [110, 11_542, 112]],
    ["TLV for LwM2M 1.0", undefined, [], "1.0", [11_542]],
    ["SenML CBOR where a later device is known to have it", undefined, [112, 11_542], "1.1", [112, 11_542]],
    ["TLV for a later device of which nothing is known, then SenML CBOR", undefined, [], "1.2", [11_542, 112]],
    ["not the preferred one when it cannot carry an instance", 60, [], "1.1", [11_542, 112]],
    ["not the preferred one when nobody knows it", 4711, [], "1.1", [11_542, 112]],
    ["not the preferred one when it is only decoded", 1542, [], "1.0", [11_542]],
    ["TLV though SenML was registered, for LwM2M 1.0", undefined, [112], "1.0", [11_542]],
  ] as const)("is %s", (_rule, preferred, registered, version, expected) => {
    expect(writeFormats(preferred, registered, version)).toEqual(expected);
  });
});
