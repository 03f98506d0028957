import type { MultipleResourceNode, ResourceValue } from "@ferry/lwm2m";
import type { lwm2m } from "../generated/lwm2m.js";
import { fromWireInt64, toSafeNumber, toWireInt64 } from "./int64.ts";

/** A value as records carry it; all instances of a multiple-instance resource are one value. */
export function toWireValue(value: ResourceValue | MultipleResourceNode): lwm2m.v1.Value.$Properties {
  switch (value.type) {
    case "STRING":
      return { string: value.value };
    case "INTEGER":
      return { int64: toWireInt64(value.value) };
    case "UNSIGNED_INTEGER":
      return { uint64: toWireInt64(value.value, true) };
    case "FLOAT":
      return { double: value.value };
    case "BOOLEAN":
      return { bool: value.value };
    case "OPAQUE":
      return { bytes: value.value };
    case "TIME":
      return { timeMs: value.value };
    case "OBJLNK":
      return { objectLink: value.value };
    case "CORELINK":
      return { coreLink: value.value };
    case "multipleResource":
      return { instances: toWireInstances(value) };
  }
}

function toWireInstances({ instances }: MultipleResourceNode): lwm2m.v1.InstanceMap.$Properties {
  return { values: Object.fromEntries(instances.map(({ id, value }) => [id, toWireValue(value)])) };
}

/** The inverse of {@link toWireValue} for single values; undefined for instances, and where no member is set. */
export function fromWireValue(wire: lwm2m.v1.Value.$Properties): ResourceValue | undefined {
  if (wire.string != null) return { type: "STRING", value: wire.string };
  if (wire.int64 != null) return { type: "INTEGER", value: fromWireInt64(wire.int64) };
  if (wire.uint64 != null) return { type: "UNSIGNED_INTEGER", value: fromWireInt64(wire.uint64) };
  if (wire.double != null) return { type: "FLOAT", value: wire.double };
  if (wire.bool != null) return { type: "BOOLEAN", value: wire.bool };
  if (wire.bytes != null) return { type: "OPAQUE", value: wire.bytes };
  if (wire.timeMs != null) return { type: "TIME", value: toSafeNumber(wire.timeMs) };
  if (wire.coreLink != null) return { type: "CORELINK", value: wire.coreLink };
  if (wire.objectLink != null) {
    const { objectId, objectInstanceId } = wire.objectLink;
    return { type: "OBJLNK", value: { objectId: objectId ?? 0, objectInstanceId: objectInstanceId ?? 0 } };
  }
  return undefined;
}
