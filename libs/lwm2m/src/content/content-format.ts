import { CONTENT_FORMAT } from "@ferry/coap";
import type { ModelView } from "../model/object-model.ts";
import type { SupportedObjects } from "../object-links.ts";
import type { LwM2mPath } from "../path.ts";

/** A content format that is decoded, and what a payload of it can hold. */
export interface ContentFormat {
  /** CoAP Content-Format number. */
  readonly id: number;
  readonly name: string;
  /** `value`: one value of a resource or resource instance; `nodes`: also what lies above. */
  readonly carries: "value" | "nodes";
  /** False for one that only old devices send. */
  readonly isEncoded: boolean;
}

/** TLV before it had a registered number; LwM2M 1.0 drafts used it. */
export const OLD_TLV = 1542;
/** JSON of those drafts. */
export const OLD_JSON = 1543;

/** OMA LwM2M Core 1.1.1 §7.4, 1.2 §7.4. */
export const CONTENT_FORMATS: readonly ContentFormat[] = [
  { id: CONTENT_FORMAT.TEXT_PLAIN, name: "TEXT", carries: "value", isEncoded: true },
  { id: CONTENT_FORMAT.LINK_FORMAT, name: "LINK", carries: "value", isEncoded: true },
  { id: CONTENT_FORMAT.OCTET_STREAM, name: "OPAQUE", carries: "value", isEncoded: true },
  { id: CONTENT_FORMAT.CBOR, name: "CBOR", carries: "value", isEncoded: true },
  { id: CONTENT_FORMAT.SENML_JSON, name: "SENML_JSON", carries: "nodes", isEncoded: true },
  { id: CONTENT_FORMAT.SENML_CBOR, name: "SENML_CBOR", carries: "nodes", isEncoded: true },
  { id: OLD_JSON, name: "OLD_JSON", carries: "nodes", isEncoded: false },
  { id: CONTENT_FORMAT.LWM2M_JSON, name: "JSON", carries: "nodes", isEncoded: true },
  { id: CONTENT_FORMAT.LWM2M_CBOR, name: "LWM2M_CBOR", carries: "nodes", isEncoded: true },
  { id: OLD_TLV, name: "OLD_TLV", carries: "nodes", isEncoded: false },
  { id: CONTENT_FORMAT.LWM2M_TLV, name: "TLV", carries: "nodes", isEncoded: true },
];

/** Formats that carry values of any paths: those of Send and of composite operations, best first. */
export const COMPOSITE_FORMATS: readonly number[] = [
  CONTENT_FORMAT.SENML_CBOR,
  CONTENT_FORMAT.SENML_JSON,
  CONTENT_FORMAT.LWM2M_CBOR,
];

/** `TLV(11542)`, or `(50)` for one that is not known. */
export function formatContentFormat(format: number): string {
  return `${CONTENT_FORMATS.find(({ id }) => id === format)?.name ?? ""}(${format})`;
}

/** What the choice depends on; `SupportedObjects` has it. */
export type FormatSupport = Pick<SupportedObjects, "lwm2mVersion" | "contentFormats">;

/** Formats by preference: those that keep types and times first, compact before readable. LINK never: it has Object links only in Discover. */
const FOR_NODES = [
  CONTENT_FORMAT.SENML_CBOR,
  CONTENT_FORMAT.SENML_JSON,
  CONTENT_FORMAT.LWM2M_CBOR,
  CONTENT_FORMAT.LWM2M_TLV,
  CONTENT_FORMAT.LWM2M_JSON,
];
const FOR_VALUE = [CONTENT_FORMAT.CBOR, ...FOR_NODES, CONTENT_FORMAT.TEXT_PLAIN];
/** As text it is Base64 (OMA LwM2M Core 1.1.1 appendix C). */
const FOR_OPAQUE = [CONTENT_FORMAT.OCTET_STREAM, ...FOR_VALUE];

/** Formats that a device has only when it lists them: they are of one LwM2M version each, and optional there. */
const NEVER_UNLISTED: ReadonlySet<number> = new Set([CONTENT_FORMAT.LWM2M_CBOR, CONTENT_FORMAT.LWM2M_JSON]);

/** The formats of LwM2M 1.0 (OMA LwM2M TS 1.0.2 §6.4): CBOR and SenML are of 1.1. */
const OF_1_0: ReadonlySet<number> = new Set([
  CONTENT_FORMAT.TEXT_PLAIN,
  CONTENT_FORMAT.OCTET_STREAM,
  CONTENT_FORMAT.LWM2M_TLV,
  CONTENT_FORMAT.LWM2M_JSON,
]);

/**
 * Formats for the node at `path`, best first, never empty: what the device lists, then what it may know nevertheless, of its own LwM2M version first.
 *
 * The second is for one retry after 4.06 or 4.15. A device that lists none has TLV; LwM2M 1.0 always has it. LwM2M CBOR is of 1.2.
 */
export function preferredFormats(path: LwM2mPath, models: ModelView, support: FormatSupport): readonly number[] {
  const { lwm2mVersion, contentFormats } = support;
  const preferred = preferredFor(path, models).filter(
    (format) => format !== CONTENT_FORMAT.LWM2M_CBOR || lwm2mVersion === "1.2",
  );
  const lists = (format: number) =>
    contentFormats.includes(format) ||
    (format === CONTENT_FORMAT.LWM2M_TLV && (lwm2mVersion === "1.0" || contentFormats.length === 0));
  const listed = preferred.filter(lists);
  const usable = listed.length > 0 ? listed : [CONTENT_FORMAT.LWM2M_TLV];
  const unlisted = preferred.filter((format) => !NEVER_UNLISTED.has(format) && !usable.some((used) => used === format));
  if (lwm2mVersion !== "1.0") return [...usable, ...unlisted];
  return [
    ...usable,
    ...unlisted.filter((format) => OF_1_0.has(format)),
    ...unlisted.filter((format) => !OF_1_0.has(format)),
  ];
}

function preferredFor(path: LwM2mPath, models: ModelView): readonly number[] {
  const [objectId, , resourceId] = path;
  if (objectId === undefined || resourceId === undefined || path.length !== 3) return FOR_NODES;
  const resource = models.object(objectId)?.resources.get(resourceId);
  if (resource === undefined || resource.multiple) return FOR_NODES;
  return resource.type === "OPAQUE" ? FOR_OPAQUE : FOR_VALUE;
}

/** The Content-Format for reading or writing the node at `path`: the first of {@link preferredFormats}. */
export function chooseFormat(path: LwM2mPath, models: ModelView, support: FormatSupport): number {
  return preferredFormats(path, models, support)[0] as number; // Never empty.
}

/** What a payload without a Content-Format is taken for: text where the path names one value, else TLV. */
export function assumedFormat(path: LwM2mPath, models: ModelView): number {
  const namesOneValue = path.length === 4 || preferredFor(path, models) !== FOR_NODES;
  return namesOneValue ? CONTENT_FORMAT.TEXT_PLAIN : CONTENT_FORMAT.LWM2M_TLV;
}
