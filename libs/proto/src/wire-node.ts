import {
  type DataType,
  formatPath,
  type LwM2mNode,
  type LwM2mPath,
  type ObjectInstanceNode,
  parsePath,
  type ResourceInstanceNode,
  type ResourceNode,
} from "@ferry/lwm2m";
import type { lwm2m } from "../generated/lwm2m.js";
import { toSafeNumber } from "./int64.ts";
import { fromWireValue, toWireValue } from "./wire-value.ts";

/** The typed tree of a result: `node` is what `path` names. */
export function toWireNode(path: LwM2mPath, node: LwM2mNode): lwm2m.v1.Node.$Properties {
  const at = formatPath(path);
  switch (node.type) {
    case "singleResource":
    case "resourceInstance": {
      const time = node.timeMs === undefined ? {} : { deviceTimeMs: node.timeMs };
      return { path: at, value: toWireValue(node.value), type: node.value.type, ...time };
    }
    case "multipleResource":
      return { path: at, children: toWireNodes(path, node.instances), type: node.dataType };
    case "objectInstance":
      return { path: at, children: toWireNodes(path, node.resources) };
    case "object":
      return { path: at, children: toWireNodes(path, node.instances) };
  }
}

function toWireNodes(parent: LwM2mPath, children: readonly LwM2mNode[]): lwm2m.v1.NodeList.$Properties {
  return { nodes: children.map((child) => toWireNode([...parent, child.id], child)) };
}

/** The inverse of {@link toWireNode}. @throws {InvalidPathError} for a path that is none; undefined for content that does not fit the path */
export function fromWireNode(wire: lwm2m.v1.Node.$Properties): LwM2mNode | undefined {
  const path = parsePath(wire.path ?? "");
  const id = path.at(-1);
  if (id === undefined) return undefined;
  const children = wire.children?.nodes?.map(fromWireNode);
  if (children?.includes(undefined)) return undefined;
  switch (path.length) {
    case 1:
      return children && { type: "object", id, instances: children as ObjectInstanceNode[] };
    case 2:
      return children && { type: "objectInstance", id, resources: children as ResourceNode[] };
  }
  const timeMs = toSafeNumber(wire.deviceTimeMs);
  const time = timeMs === 0 ? {} : { timeMs };
  const value = wire.value == null ? undefined : fromWireValue(wire.value);
  if (path.length === 4) return value && { type: "resourceInstance", id, value, ...time };
  if (value !== undefined) return { type: "singleResource", id, value, ...time };
  const dataType = wire.type as DataType;
  return { type: "multipleResource", id, dataType, instances: (children ?? []) as ResourceInstanceNode[] };
}
