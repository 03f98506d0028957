import { isObjectVersion } from "@ferry/lwm2m";
import { z } from "zod";
import type { DeviceProfile, ObserveStrategy } from "./device-profile.ts";
import { ProfileEntries } from "./profile-entries.ts";
import { formatField, LOOSE_ATTRIBUTES, MAX_DURATION_MS, parseBySchema } from "./schema.ts";
import { parseThingsBoardBootstrap } from "./thingsboard-bootstrap.ts";

/** ThingsBoard's observe strategies, by name and by ordinal. */
const OBSERVE_STRATEGIES: readonly (readonly [name: string, strategy: ObserveStrategy])[] = [
  ["SINGLE", "single"],
  ["COMPOSITE_ALL", "compositeAll"],
  ["COMPOSITE_BY_OBJECT", "compositeByObject"],
];

/** What ThingsBoard's form has no member for. */
const FERRY_ONLY = {
  transportLog: undefined,
  contentFormats: undefined,
  muteSend: undefined,
  limits: { uplinksPerDevice: undefined },
  reachability: { flowWindowMs: undefined },
  requestExpiryMs: undefined,
} satisfies Partial<DeviceProfile>;

const FIRMWARE_STRATEGIES = { 1: "push", 2: "url", 3: "object19" } as const;
const SOFTWARE_STRATEGIES = { 1: "push", 2: "url" } as const;

/** Absent and null mean the same, and so do timers of zero: the server's default. */
const timerMs = z
  .number()
  .int()
  .min(0)
  .max(MAX_DURATION_MS)
  .nullish()
  .transform((ms) => ms || undefined);
const url = z
  .string()
  .nullish()
  .transform((text) => text || undefined);
const paths = z.array(z.string()).nullish();
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);

const TRANSPORT_CONFIGURATION = z.object({
  observeAttr: z
    .object({
      keyName: z.record(z.string(), z.string()).nullish(),
      observe: paths,
      attribute: paths,
      telemetry: paths,
      attributeLwm2m: z.record(z.string(), LOOSE_ATTRIBUTES).nullish(),
      initAttrTelAsObsStrategy: flag,
      observeStrategy: z
        .union([z.enum(["SINGLE", "COMPOSITE_ALL", "COMPOSITE_BY_OBJECT"]), z.literal([0, 1, 2])], {
          error: "is SINGLE, COMPOSITE_ALL or COMPOSITE_BY_OBJECT (or 0, 1, 2)",
        })
        .nullish(),
    })
    .prefault({}),
  bootstrapServerUpdateEnable: flag,
  bootstrap: z.array(z.unknown()).nullish(),
  clientLwM2mSettings: z
    .object({
      clientOnlyObserveAfterConnect: z.literal([1, 2]).nullish(),
      defaultObjectIDVer: z
        .string()
        .refine((text) => text === "" || isObjectVersion(text), 'is not major.minor, such as "1.0"')
        .nullish(),
      powerMode: z.enum(["DRX", "PSM", "E_DRX"]).nullish(),
      psmActivityTimer: timerMs,
      edrxCycle: timerMs,
      pagingTransmissionWindow: timerMs,
      useObject19ForOtaInfo: flag,
      fwUpdateStrategy: z.literal([1, 2, 3]).nullish(),
      fwUpdateResource: url,
      swUpdateStrategy: z.literal([1, 2]).nullish(),
      swUpdateResource: url,
    })
    .prefault({}),
});

/** Whether a document is ThingsBoard's: a whole `DeviceProfile` or its `transportConfiguration`. */
export function isThingsBoardForm(input: object): boolean {
  return "profileData" in input || "observeAttr" in input || "clientLwM2mSettings" in input || "transportType" in input;
}

/** Parses ThingsBoard's form. @throws {ProfileError} */
export function parseThingsBoardForm(input: object): DeviceProfile {
  const { configuration, path } = transportConfigurationOf(input);
  const form = parseBySchema(TRANSPORT_CONFIGURATION, configuration, path);
  const settings = form.clientLwM2mSettings;
  return {
    entries: parseEntries(form.observeAttr, [...path, "observeAttr"]),
    observeStrategy: observeStrategyOf(form.observeAttr.observeStrategy),
    initialReadsAsObserved: form.observeAttr.initAttrTelAsObsStrategy,
    afterConnect: settings.clientOnlyObserveAfterConnect === 2 ? "readThenObserve" : "observe",
    defaultObjectVersion: settings.defaultObjectIDVer || undefined,
    power: {
      mode: settings.powerMode ?? "DRX",
      psmActivityTimerMs: settings.psmActivityTimer,
      edrxCycleMs: settings.edrxCycle,
      pagingTransmissionWindowMs: settings.pagingTransmissionWindow,
      queueModeAwakeTimeMs: undefined,
    },
    ...FERRY_ONLY,
    firmwareUpdate: {
      strategy: FIRMWARE_STRATEGIES[settings.fwUpdateStrategy ?? 1],
      baseUrl: settings.fwUpdateResource,
    },
    softwareUpdate: {
      strategy: SOFTWARE_STRATEGIES[settings.swUpdateStrategy ?? 1],
      baseUrl: settings.swUpdateResource,
    },
    otaInfoInObject19: settings.useObject19ForOtaInfo,
    bootstrap: parseThingsBoardBootstrap(form.bootstrap ?? [], form.bootstrapServerUpdateEnable, [
      ...path,
      "bootstrap",
    ]),
  };
}

const WHOLE_PROFILE = z.object({
  transportType: z.literal("LWM2M", { error: "is not LWM2M" }).optional(),
  profileData: z.object({ transportConfiguration: z.looseObject({}) }),
});

function transportConfigurationOf(input: object): { configuration: object; path: readonly string[] } {
  if (!("profileData" in input || "transportType" in input)) return { configuration: input, path: [] };
  const { profileData } = parseBySchema(WHOLE_PROFILE, input);
  return { configuration: profileData.transportConfiguration, path: ["profileData", "transportConfiguration"] };
}

function observeStrategyOf(given: string | number | null | undefined): ObserveStrategy {
  const row = OBSERVE_STRATEGIES.find(([name], ordinal) => name === given || ordinal === given);
  return row?.[1] ?? "single";
}

const ANY_LEVEL = [1, 2, 3, 4];
const RESOURCE = [3];

function parseEntries(
  observeAttr: z.infer<typeof TRANSPORT_CONFIGURATION>["observeAttr"],
  at: readonly string[],
): DeviceProfile["entries"] {
  const entries = new ProfileEntries();
  const { keyName, observe, attribute, telemetry, attributeLwm2m } = observeAttr;
  for (const [path, key] of Object.entries(keyName ?? {})) {
    entries.add(formatField([...at, "keyName", path]), path, RESOURCE, { key });
  }
  for (const [index, path] of (observe ?? []).entries()) {
    entries.add(formatField([...at, "observe", index]), path, ANY_LEVEL, { observe: true });
  }
  for (const [index, path] of (attribute ?? []).entries()) {
    entries.add(formatField([...at, "attribute", index]), path, RESOURCE, { attribute: true });
  }
  for (const [index, path] of (telemetry ?? []).entries()) {
    entries.add(formatField([...at, "telemetry", index]), path, RESOURCE, { telemetry: true });
  }
  for (const [path, attributes] of Object.entries(attributeLwm2m ?? {})) {
    entries.add(formatField([...at, "attributeLwm2m", path]), path, ANY_LEVEL, { attributes });
  }
  return entries.list();
}
