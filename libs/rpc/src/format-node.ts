import type {
  CompositeNode,
  LwM2mNode,
  MultipleResourceNode,
  ResourceInstanceNode,
  ResourceValue,
  SingleResourceNode,
} from "@ferry/lwm2m";
import { comparePaths, formatPath } from "@ferry/lwm2m";
import { inHashOrder, inPathHashOrder } from "./hash-order.ts";
import { formatJavaDouble } from "./java-text.ts";
import { splitLinks } from "./link-text.ts";
import type { FormatTime } from "./time-text.ts";

/** How values are printed. */
export interface FormatOptions {
  readonly formatTime: FormatTime;
  readonly compat: Compat;
}

/**
 * Which of ThingsBoard's texts are printed where they differ: `seed`, those of its page of 2021, or `now`.
 *
 * They differ in the shapes of DiscoverAll and ObserveReadAll, in the name of a Delete's result, and in the order of children:
 * `seed` has them as a Java hash table does, for callers that compare texts byte by byte, `now` by id.
 */
export type Compat = "seed" | "now";

/** Longest OPAQUE value that is printed, in hex digits. */
const MAX_HEX_DIGITS = 1024;

/** Text of a node: `LwM2mSingleResource [id=9, value=75, type=INTEGER]`. Nothing inside is escaped. A resource that is OPAQUE as a whole prints its bytes. */
export function formatNode(node: LwM2mNode, options: FormatOptions): string {
  return formatBytes(node, `id=${node.id}`, options) ?? formatNested(node, options);
}

/** Text of what a composite operation answered: `{/3/0/9=LwM2mSingleResource […], /1/0/2=null}`. One OPAQUE resource alone prints its bytes. */
export function formatComposite(nodes: readonly CompositeNode[], options: FormatOptions): string {
  const [first] = nodes;
  if (nodes.length === 1 && first?.node !== undefined) {
    const bytes = formatBytes(first.node, `key=${formatPath(first.path)}`, options);
    if (bytes !== undefined) return bytes;
  }
  const ordered = options.compat === "seed" ? inPathHashOrder(nodes) : byPath(nodes);
  const entries = ordered.map(
    ({ path, node }) => `${formatPath(path)}=${node === undefined ? "null" : formatNested(node, options)}`,
  );
  return `{${entries.join(", ")}}`;
}

function byPath(nodes: readonly CompositeNode[]): readonly CompositeNode[] {
  return nodes.toSorted((a, b) => comparePaths(a.path, b.path));
}

/** Text of a resource that is OPAQUE as a whole; undefined for other nodes. */
function formatBytes(node: LwM2mNode, label: string, options: FormatOptions): string | undefined {
  if (node.type === "singleResource" && node.value.type === "OPAQUE") return formatOpaque(label, node.value.value);
  if (node.type === "multipleResource" && node.dataType === "OPAQUE") return formatOpaques(label, node, options);
  return undefined;
}

function formatNested(node: LwM2mNode, options: FormatOptions): string {
  switch (node.type) {
    case "object":
      return `LwM2mObject [id=${node.id}, instances=${formatMap(node.instances, options)}]`;
    case "objectInstance":
      return `LwM2mObjectInstance [id=${node.id}, resources=${formatMap(node.resources, options)}]`;
    case "multipleResource":
      return `LwM2mMultipleResource [id=${node.id}, values=${formatMap(node.instances, options)}, type=${node.dataType}]`;
    case "singleResource":
      return `LwM2mSingleResource ${formatLeaf(node, options)}`;
    case "resourceInstance":
      return `LwM2mResourceInstance ${formatLeaf(node, options)}`;
  }
}

function formatLeaf({ id, value }: SingleResourceNode | ResourceInstanceNode, options: FormatOptions): string {
  return `[id=${id}, value=${formatValue(value, options)}, type=${value.type}]`;
}

function formatMap(children: readonly LwM2mNode[], options: FormatOptions): string {
  const entries = ordered(children, options).map((child) => `${child.id}=${formatNested(child, options)}`);
  return `{${entries.join(", ")}}`;
}

function ordered<Child extends LwM2mNode>(children: readonly Child[], { compat }: FormatOptions): readonly Child[] {
  return compat === "seed" ? inHashOrder(children) : children;
}

function formatValue(value: ResourceValue, { formatTime }: FormatOptions): string {
  switch (value.type) {
    case "STRING":
      return value.value;
    case "INTEGER":
    case "UNSIGNED_INTEGER":
    case "BOOLEAN":
      return String(value.value);
    case "FLOAT":
      return formatJavaDouble(value.value);
    case "TIME":
      return formatTime(value.value);
    case "OBJLNK":
      return `/${value.value.objectId}/${value.value.objectInstanceId}`;
    case "CORELINK":
      return `[${splitLinks(value.value).join(", ")}]`;
    case "OPAQUE":
      return `${value.value.length}Bytes`;
  }
}

function formatOpaque(label: string, bytes: Uint8Array): string {
  const hex = toHex(bytes.subarray(0, MAX_HEX_DIGITS / 2));
  return `LwM2mSingleResource ${label} value=${hex} type=OPAQUE`;
}

function formatOpaques(label: string, node: MultipleResourceNode, options: FormatOptions): string {
  const instances = ordered(node.instances, options).map(
    ({ id, value }) => ` id=${id} value=${value.type === "OPAQUE" ? toHex(value.value) : formatValue(value, options)}`,
  );
  return `LwM2mMultipleResource ${label} values={${instances.join(", ")}} type=OPAQUE`;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
