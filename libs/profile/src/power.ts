import { z } from "zod";
import type { PowerSettings } from "./device-profile.ts";
import { ProfileError } from "./errors.ts";
import { formatField, MAX_DURATION_MS, parseBySchema, strictObject } from "./schema.ts";

/** How one device sleeps, in place of what its profile says. */
export interface PowerOverride {
  readonly mode: PowerSettings["mode"];
  readonly psmActivityTimerMs?: number;
  readonly edrxCycleMs?: number;
  readonly pagingTransmissionWindowMs?: number;
  readonly queueModeAwakeTimeMs?: number;
}

/** As people write it. */
export interface PowerForm {
  readonly mode: "drx" | "psm" | "edrx";
  readonly activityTimerMs?: number | undefined;
  readonly cycleMs?: number | undefined;
  readonly pagingWindowMs?: number | undefined;
  readonly queueModeAwakeTimeMs?: number | undefined;
}

export const durationMs: z.ZodOptional<z.ZodNumber> = z.number().int().positive().max(MAX_DURATION_MS).optional();

/** The timers that one mode alone has. */
const TIMER_MODES = { activityTimerMs: "psm", cycleMs: "edrx", pagingWindowMs: "edrx" } as const;
const MODES = { drx: "DRX", psm: "PSM", edrx: "E_DRX" } as const;

export const POWER_FORM: z.ZodType<PowerForm, Partial<PowerForm>> = strictObject({
  mode: z.enum(["drx", "psm", "edrx"]).default("drx"),
  activityTimerMs: durationMs,
  cycleMs: durationMs,
  pagingWindowMs: durationMs,
  queueModeAwakeTimeMs: durationMs,
}).superRefine((power, context) => {
  for (const [timer, mode] of Object.entries(TIMER_MODES)) {
    if (power[timer as keyof typeof TIMER_MODES] === undefined || power.mode === mode) continue;
    const message = `is a timer of mode ${mode}, and the mode is ${power.mode}`;
    context.addIssue({ code: "custom", path: [timer], message });
  }
}) as unknown as z.ZodType<PowerForm, Partial<PowerForm>>; // An optional member of zod's may be present and undefined, which no document can express.

export function toPowerSettings(power: PowerForm): PowerSettings {
  return {
    mode: MODES[power.mode],
    psmActivityTimerMs: power.activityTimerMs,
    edrxCycleMs: power.cycleMs,
    pagingTransmissionWindowMs: power.pagingWindowMs,
    queueModeAwakeTimeMs: power.queueModeAwakeTimeMs,
  };
}

/** Parses `power` of a device's document, in the form that profiles have; it names its mode. @throws {ProfileError} below `field` */
export function parsePowerOverride(form: unknown, field: string): PowerOverride {
  const parsed = toPowerSettings(parseBySchema(POWER_FORM, form, [field]));
  if (Object(form).mode === undefined) {
    throw new ProfileError(formatField([field, "mode"]), "is missing: drx, psm or edrx");
  }
  return withoutUndefined(parsed);
}

/** The inverse of {@link parsePowerOverride}, of whatever a record holds: what is not possible is still to be refused. */
export function toPowerForm(power: { readonly [member in keyof PowerOverride]?: string | number | null }): object {
  const mode = Object.entries(MODES).find(([, name]) => name === power.mode)?.[0] ?? power.mode;
  const form = {
    mode: mode || undefined,
    activityTimerMs: power.psmActivityTimerMs,
    cycleMs: power.edrxCycleMs,
    pagingWindowMs: power.pagingTransmissionWindowMs,
    queueModeAwakeTimeMs: power.queueModeAwakeTimeMs,
  };
  return Object.fromEntries(Object.entries(form).filter(([, value]) => value != null));
}

/** How a device sleeps by its profile and what is said of itself. A timer that is not said is the profile's in the same mode, else the server's. */
export function overridePower(power: PowerSettings, override: PowerOverride | undefined): PowerSettings {
  if (override === undefined) return power;
  const { queueModeAwakeTimeMs } = power;
  const base = override.mode === power.mode ? power : { ...toPowerSettings({ mode: "drx" }), queueModeAwakeTimeMs };
  return { ...base, ...override };
}

function withoutUndefined({ mode, ...timers }: PowerSettings): PowerOverride {
  return { mode, ...Object.fromEntries(Object.entries(timers).filter(([, value]) => value !== undefined)) };
}
