import { CONTENT_FORMAT } from "@ferry/coap";
import {
  COMPOSITE_FORMATS,
  CONTENT_FORMATS,
  type ContentFormat,
  chooseFormat,
  formatContentFormat,
  formatPath,
  type LwM2mPath,
  type ModelView,
  type Operation,
} from "@ferry/lwm2m";
import { supportsComposite } from "@ferry/profile";
import { REFUSALS, type Refusal } from "./errors.ts";
import { type Json, scalarText } from "./json.ts";
import type { OperationContext } from "./target.ts";

/** What `contentFormat` may name; formats that only old devices send are not among them. */
const NAMES = ["TLV", "JSON", "TEXT", "OPAQUE", "CBOR", "SENML_JSON", "SENML_CBOR", "LWM2M_CBOR"];
const KNOWN: readonly ContentFormat[] = NAMES.flatMap((name) =>
  CONTENT_FORMATS.filter((format) => format.name === name),
);
/** Content-Format that a request asks for; `format` is undefined where it leaves that to us. */
export interface RequestedFormat {
  readonly type: "format";
  readonly format: number | undefined;
}

/** Checks the member `contentFormat` against what the operation carries; operations without values leave it aside. */
export function requestedFormat(
  member: Json | undefined,
  operation: Operation,
  context: OperationContext,
): RequestedFormat | Refusal {
  const name = member === undefined || member === null ? undefined : (scalarText(member) ?? "");
  const format = KNOWN.find((known) => known.name === name);
  if (name !== undefined && format === undefined) {
    return REFUSALS.unknownContentFormat(
      name,
      KNOWN.map((known) => known.name),
    );
  }
  if (operation.type === "create" && operation.instances.some(({ id }) => id === undefined)) {
    return formatOfUnnamed(format, operation.path, context);
  }
  const usable = usableFormats(operation, context.models);
  if (isComposite(operation) && format === undefined && !supportsComposite(context.profile, context.supported)) {
    return REFUSALS.noCompositeSupport();
  }
  if (usable === undefined) return { type: "format", format: undefined };
  if (format !== undefined && !usable.includes(format)) {
    const target = "path" in operation ? formatPath(operation.path) : "composite operations";
    return REFUSALS.contentFormatOfNode(
      format.name,
      target,
      usable.map((known) => known.name),
    );
  }
  return { type: "format", format: format?.id };
}

/** A new instance without an id can only be told in TLV. */
function formatOfUnnamed(
  format: ContentFormat | undefined,
  path: LwM2mPath,
  { models, supported, profile }: OperationContext,
): RequestedFormat | Refusal {
  const { contentFormats, lwm2mVersion } = supported;
  const tlv = CONTENT_FORMAT.LWM2M_TLV;
  const listsTlv = contentFormats.length === 0 || contentFormats.includes(tlv);
  const hasTlv = lwm2mVersion === "1.0" || listsTlv || profile.contentFormats?.includes(tlv) === true;
  const used = format?.id ?? (hasTlv ? tlv : chooseFormat(path, models, supported));
  if (used === tlv) return { type: "format", format: used };
  return REFUSALS.createWithoutId(formatPath(path), formatContentFormat(used));
}

function isComposite({ type }: Operation): boolean {
  return type === "readComposite" || type === "observeComposite" || type === "writeComposite";
}

/** Formats that can carry the values of an operation; undefined where it has none. */
function usableFormats(operation: Operation, models: ModelView): readonly ContentFormat[] | undefined {
  switch (operation.type) {
    case "read":
    case "observe":
      return KNOWN.filter((format) => carries(format, operation.path, models));
    case "write":
      // A partial update is of an instance or of a multiple-instance resource.
      return KNOWN.filter(
        (format) =>
          format.isEncoded &&
          (operation.mode === "update" ? format.carries === "nodes" : carries(format, operation.path, models)),
      );
    case "create":
      return KNOWN.filter(({ isEncoded, carries }) => isEncoded && carries === "nodes");
    case "readComposite":
    case "observeComposite":
    case "writeComposite":
      return KNOWN.filter(({ id }) => COMPOSITE_FORMATS.includes(id));
    default:
      return undefined;
  }
}

/** Whether a format can carry the node at `path`; where its definition is not known nothing is ruled out but what no definition could allow. */
function carries({ carries, name }: ContentFormat, path: LwM2mPath, models: ModelView): boolean {
  if (carries === "nodes") return true;
  const [objectId = -1, , resourceId = -1] = path;
  const resource = models.object(objectId)?.resources.get(resourceId);
  const isOneValue = path.length === 4 || (path.length === 3 && resource?.multiple !== true);
  return isOneValue && (name !== "OPAQUE" || resource?.type === undefined || resource.type === "OPAQUE");
}
