import type {
  LwM2mNode,
  MultipleResourceNode,
  ResourceInstanceNode,
  ResourceValue,
  SingleResourceNode,
} from "@ferry/lwm2m";
import { inHashOrder } from "./hash-order.ts";
import { formatJavaDouble } from "./java-text.ts";
import type { FormatTime } from "./time-text.ts";

/** How values are printed. */
export interface FormatOptions {
  readonly formatTime: FormatTime;
  /** Order of children: by id, or as a Java hash table has them, for callers that compare texts of ThingsBoard byte by byte. */
  readonly order: "ascending" | "hash";
}

/** Longest OPAQUE value that is printed, in hex digits. */
const MAX_HEX_DIGITS = 1024;

/** Text of a node: `LwM2mSingleResource [id=9, value=75, type=INTEGER]`. Nothing inside is escaped. A resource that is OPAQUE as a whole prints its bytes. */
export function formatNode(node: LwM2mNode, options: FormatOptions): string {
  if (node.type === "singleResource" && node.value.type === "OPAQUE") return formatOpaque(node, node.value.value);
  if (node.type === "multipleResource" && node.dataType === "OPAQUE") return formatOpaques(node, options);
  return formatNested(node, options);
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

function ordered<Child extends LwM2mNode>(children: readonly Child[], { order }: FormatOptions): readonly Child[] {
  return order === "hash" ? inHashOrder(children) : children;
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

/** Links of link-format text; commas inside targets and quoted strings do not part them (RFC 6690 §2). */
function splitLinks(text: string): readonly string[] {
  return text.match(/(?:<[^>]*>?|"(?:\\.|[^"\\])*"?|[^,<"])+/g) ?? [];
}

function formatOpaque({ id }: SingleResourceNode, bytes: Uint8Array): string {
  const hex = toHex(bytes.subarray(0, MAX_HEX_DIGITS / 2));
  return `LwM2mSingleResource id=${id} value=${hex} type=OPAQUE`;
}

function formatOpaques(node: MultipleResourceNode, options: FormatOptions): string {
  const instances = ordered(node.instances, options).map(
    ({ id, value }) => ` id=${id} value=${value.type === "OPAQUE" ? toHex(value.value) : formatValue(value, options)}`,
  );
  return `LwM2mMultipleResource id=${node.id} values={${instances.join(", ")}} type=OPAQUE`;
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
