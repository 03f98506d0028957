import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { lwm2m } from "../generated/lwm2m.js";
import { MAX_VALUE_BYTES, parseAttributeUpdate } from "./attribute-update.ts";

const KEY = "default/meter-1/UtfOffset";

function json(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

describe("a desired value", () => {
  it("is what its JSON says, and its record's key where that says nothing", () => {
    const named = { type: "update", tenant: "default", endpoint: "meter-1", key: "UtfOffset", value: '"+02"' };
    expect(parseAttributeUpdate(json({ value: "+02" }), undefined, KEY)).toEqual(named);
    expect(
      parseAttributeUpdate(json({ tenant: "t", endpoint: "e", key: "k", value: { 0: "00ad" } }), undefined, "t/e/k"),
    ).toEqual({ type: "update", tenant: "t", endpoint: "e", key: "k", value: '{"0":"00ad"}' });
  });

  it("keeps all digits of a 64-bit number", () => {
    const bytes = Buffer.from('{"value":18446744073709551615}');
    expect(parseAttributeUpdate(bytes, undefined, KEY)).toMatchObject({ value: "18446744073709551615" });
  });

  it("may be protobuf, whose value is JSON text", () => {
    const bytes = lwm2m.v1.AttributeUpdate.encode({ endpoint: "e", key: "k", value: "42" }).finish();
    expect(parseAttributeUpdate(bytes, "application/x-protobuf", "default/e/k")).toEqual({
      type: "update",
      tenant: "default",
      endpoint: "e",
      key: "k",
      value: "42",
    });
  });

  it("is withdrawn by a tombstone; an endpoint may hold slashes, a key name in a record's key does not", () => {
    expect(parseAttributeUpdate(null, undefined, "t/urn/dev/1/k")).toEqual({
      type: "update",
      tenant: "t",
      endpoint: "urn/dev/1",
      key: "k",
      value: undefined,
    });
  });

  it.each([
    ["nothing that names the device", json({ value: 1 }), null, "endpoint"],
    ["no key, though it says all itself", json({ tenant: "t", endpoint: "e", key: "k", value: 1 }), null, "endpoint"],
    ["another tenant than its key", json({ tenant: "t", value: 1 }), KEY, "tenant"],
    ["another endpoint than its key", json({ endpoint: "meter-2", value: 1 }), KEY, "endpoint"],
    ["another key name than its key", json({ key: "a/UtfOffset", value: 1 }), KEY, "key"],
    ["a name that is no text", json({ key: 5, value: 1 }), KEY, "key"],
    ["no value", json({ endpoint: "meter-1", key: "UtfOffset" }), KEY, "value"],
    ["null for a value", json({ value: null }), KEY, "value"],
    ["a member that is none", json({ value: 1, ttl: 5 }), KEY, "ttl"],
    ["an overlong value", json({ value: "x".repeat(MAX_VALUE_BYTES) }), KEY, "value"],
    ["no JSON", Buffer.from("{oops"), KEY, ""],
    ["a tombstone without names", null, "default", "endpoint"],
  ])("with %s is refused by the field", (_, bytes, key, field) => {
    expect(parseAttributeUpdate(bytes, undefined, key)).toMatchObject({ type: "invalid", field });
  });

  it("that is refused says what to give instead", () => {
    expect(parseAttributeUpdate(json({ value: 1 }), undefined, "default/meter-1")).toMatchObject({
      reason: "is missing: let the record's key be tenant/endpoint/key",
    });
    expect(parseAttributeUpdate(Buffer.from('"+02"'), undefined, KEY)).toMatchObject({
      reason: 'The desired value is neither a JSON object, as {"value": 1}, nor lwm2m.v1.AttributeUpdate.',
    });
  });

  it("of any bytes is taken apart or refused, never thrown at", () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.option(fc.string(), { nil: null }), (bytes, key) => {
        expect(["update", "invalid"]).toContain(parseAttributeUpdate(bytes, undefined, key).type);
      }),
    );
  });
});
