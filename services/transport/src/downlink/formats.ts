import { CONTENT_FORMAT } from "@ferry/coap";
import {
  COMPOSITE_FORMATS,
  type ModelView,
  type Operation,
  preferredFormats,
  type SupportedObjects,
} from "@ferry/lwm2m";
import type { DeviceProfile } from "@ferry/profile";

/** What the choice of a Content-Format depends on. */
export interface FormatChoice {
  readonly profile: Pick<DeviceProfile, "contentFormats">;
  readonly supported: SupportedObjects;
  readonly models: ModelView;
}

/** Formats that are tried for one operation, the first included. */
const MAX_FORMATS = 3;

/**
 * Content-Formats for an operation, best first, never empty: those of the profile, then those of the registration, then what the device may know nevertheless; what it refused comes last.
 *
 * A refused one is not left out: the device may have refused it for another resource only.
 */
export function formatsToTry(
  operation: Operation,
  choice: FormatChoice,
  refused: ReadonlySet<string> = NOTHING,
): readonly number[] {
  const possible = possibleFormats(operation, choice);
  const chosen = formatsOfProfile(operation, choice);
  const ordered = [...chosen, ...possible.filter((format) => !chosen.includes(format))];
  const isRefused = (format: number): boolean => refused.has(refusalOf(operation, format));
  return [...ordered.filter((format) => !isRefused(format)), ...ordered.filter(isRefused)].slice(0, MAX_FORMATS);
}

const NOTHING: ReadonlySet<string> = new Set();

/** Those of the profile that can carry the operation: it knows that the device has them, whatever that lists. */
function formatsOfProfile(operation: Operation, { profile, supported, models }: FormatChoice): readonly number[] {
  const { contentFormats } = profile;
  if (contentFormats === undefined) return [];
  const possible = possibleFormats(operation, { supported: { ...supported, contentFormats }, models });
  return contentFormats.filter((format) => possible.includes(format));
}

/** Names the refusal of a format, for what and at what level: `write 3 60`. A device has few of them, for there are few formats. */
export function refusalOf(operation: Operation, format: number): string {
  const writes = operation.type === "write" || operation.type === "writeComposite" || operation.type === "create";
  const level = "path" in operation ? operation.path.length : "composite";
  return `${writes ? "write" : "read"} ${level} ${format}`;
}

/** The formats that can carry an operation, those that the device lists first. */
function possibleFormats(
  operation: Operation,
  { supported, models }: Omit<FormatChoice, "profile">,
): readonly number[] {
  switch (operation.type) {
    case "read":
    case "observe":
    case "cancelObservation":
    case "write":
      return preferredFormats(operation.path, models, supported);
    case "create":
      // Only TLV can leave the id of an Object Instance to the device.
      if (operation.path.length === 1 && operation.instances.some(({ id }) => id === undefined)) return TLV;
      return preferredFormats(operation.path.slice(0, 1), models, supported);
    case "readComposite":
    case "observeComposite":
    case "cancelCompositeObservation":
    case "writeComposite": {
      const lists = (format: number): boolean => supported.contentFormats.includes(format);
      return [...COMPOSITE_FORMATS.filter(lists), ...SENML.filter((format) => !lists(format))];
    }
    case "discover":
    case "writeAttributes":
    case "execute":
    case "delete":
      return WITHOUT_VALUES;
  }
}

/** Formats of composite operations that a device may have without listing them. */
const SENML: readonly number[] = [CONTENT_FORMAT.SENML_CBOR, CONTENT_FORMAT.SENML_JSON];
const TLV: readonly number[] = [CONTENT_FORMAT.LWM2M_TLV];
/** Operations without values have no format to choose. */
const WITHOUT_VALUES: readonly number[] = [CONTENT_FORMAT.TEXT_PLAIN];
