import { CONTENT_FORMATS, isObjectVersion } from "@ferry/lwm2m";
import { z } from "zod";
import type { DeviceProfile, ProfileEntry } from "./device-profile.ts";
import { ProfileError } from "./errors.ts";
import { parseFerryBootstrap } from "./ferry-bootstrap.ts";
import { durationMs, POWER_FORM, toPowerSettings } from "./power.ts";
import { ProfileEntries } from "./profile-entries.ts";
import { parseRateLimit, RATE_LIMIT_FORM } from "./rate-limit.ts";
import { formatField, parseBySchema, STRICT_ATTRIBUTES, strictObject } from "./schema.ts";

const attributes = STRICT_ATTRIBUTES.optional();

/** Names that `contentFormats` takes: those that can be asked for and written. */
const FORMATS: ReadonlyMap<string, number> = new Map(
  CONTENT_FORMATS.filter(({ isEncoded }) => isEncoded).map(({ name, id }) => [name, id]),
);
const contentFormat = z.string().transform((name, context) => {
  const id = FORMATS.get(name);
  if (id !== undefined) return id;
  context.addIssue(`"${name}" is no content format; there are ${[...FORMATS.keys()].join(", ")}`);
  return z.NEVER;
});
const rateLimit = z.string().transform((text, context) => {
  const limit = parseRateLimit(text);
  if (limit !== undefined) return limit;
  context.addIssue(`is not ${RATE_LIMIT_FORM}`);
  return z.NEVER;
});

const FERRY_FORM = strictObject({
  resources: z
    .record(
      z.string(),
      strictObject({
        key: z.string().optional(),
        observe: z.boolean().default(false),
        attribute: z.boolean().default(false),
        telemetry: z.boolean().default(false),
        attributes,
      }),
    )
    .default({}),
  objects: z.record(z.string(), strictObject({ observe: z.boolean().default(false), attributes })).default({}),
  strategy: z.enum(["single", "compositeAll", "compositeByObject"]).default("single"),
  initialReads: z.enum(["single", "asObserved"]).default("single"),
  afterConnect: z.enum(["observe", "readThenObserve"]).default("observe"),
  defaultObjectVersion: z.string().refine(isObjectVersion, 'a version is major.minor, such as "1.0"').optional(),
  power: POWER_FORM.prefault({}),
  transportLog: z.enum(["off", "summary", "full"], { error: "is off, summary or full" }).optional(),
  contentFormats: z
    .array(contentFormat)
    .min(1, "is empty: leave it out to have the formats chosen for each device")
    .refine((formats) => new Set(formats).size === formats.length, "names a format twice")
    .optional(),
  muteSend: z.boolean().optional(),
  limits: strictObject({ uplinksPerDevice: rateLimit.optional() }).prefault({}),
  reachability: strictObject({ flowWindowMs: durationMs }).prefault({}),
  requestExpiryMs: durationMs,
  firmware: strictObject({
    strategy: z.enum(["push", "url", "object19"]).default("push"),
    baseUrl: z.string().optional(),
  }).prefault({}),
  software: strictObject({
    strategy: z.enum(["push", "url"]).default("push"),
    baseUrl: z.string().optional(),
  }).prefault({}),
  otaInfoInObject19: z.boolean().default(false),
  bootstrap: z.unknown().prefault({}),
});

/** Parses the form that people write. @throws {ProfileError} */
export function parseFerryForm(input: object): DeviceProfile {
  const form = parseBySchema(FERRY_FORM, input);
  const entries = new ProfileEntries();
  for (const [path, resource] of Object.entries(form.resources)) {
    if ((resource.telemetry || resource.attribute) && resource.key === undefined) {
      throw new ProfileError(formatField(["resources", path, "key"]), "what is published needs a key to be called by");
    }
    addOnce(entries, formatField(["resources", path]), path, [3], resource);
  }
  for (const [path, object] of Object.entries(form.objects)) {
    addOnce(entries, formatField(["objects", path]), path, [1, 2], object);
  }
  refuseSharedKeys(entries.list());

  return {
    entries: entries.list(),
    observeStrategy: form.strategy,
    initialReadsAsObserved: form.initialReads === "asObserved",
    afterConnect: form.afterConnect,
    defaultObjectVersion: form.defaultObjectVersion,
    power: toPowerSettings(form.power),
    transportLog: form.transportLog,
    contentFormats: form.contentFormats,
    muteSend: form.muteSend,
    limits: { uplinksPerDevice: form.limits.uplinksPerDevice },
    reachability: { flowWindowMs: form.reachability.flowWindowMs },
    requestExpiryMs: form.requestExpiryMs,
    firmwareUpdate: { strategy: form.firmware.strategy, baseUrl: form.firmware.baseUrl },
    softwareUpdate: { strategy: form.software.strategy, baseUrl: form.software.baseUrl },
    otaInfoInObject19: form.otaInfoInObject19,
    bootstrap: parseFerryBootstrap(form.bootstrap, ["bootstrap"]),
  };
}

function addOnce(
  entries: ProfileEntries,
  field: string,
  path: string,
  levels: readonly number[],
  facts: Partial<ProfileEntry>,
): void {
  if (!entries.add(field, path, levels, facts)) throw new ProfileError(field, "another member names the same path");
}

/** Two paths may share a key only as two versions of one path. */
function refuseSharedKeys(entries: readonly ProfileEntry[]): void {
  const owners = new Map<string, ProfileEntry>();
  for (const entry of entries) {
    if (entry.key === undefined) continue;
    const owner = owners.get(entry.key);
    if (owner !== undefined && owner.path.join("/") !== entry.path.join("/")) {
      throw new ProfileError(
        formatField(["resources", entry.id, "key"]),
        `"${entry.key}" is the key of ${owner.id} already`,
      );
    }
    owners.set(entry.key, entry);
  }
}
