import type { LwM2mPath, NotificationAttributes } from "@ferry/lwm2m";
import type { BootstrapSettings } from "./bootstrap-settings.ts";
import { ProfileError } from "./errors.ts";
import { parseFerryForm } from "./ferry-form.ts";
import type { RateLimit } from "./rate-limit.ts";
import { isThingsBoardForm, parseThingsBoardForm } from "./thingsboard-form.ts";

/** What a kind of device is asked for, how its values are called, and how it is treated. */
export interface DeviceProfile {
  /** One per path and version, in the order in which the document first names them. */
  readonly entries: readonly ProfileEntry[];
  /** How paths are grouped into Observe and Observe-Composite requests. */
  readonly observeStrategy: ObserveStrategy;
  /** Groups the initial reads as `observeStrategy` groups observations, instead of one Read per path. */
  readonly initialReadsAsObserved: boolean;
  /** `observe`: observe, and read only what is not observed. `readThenObserve`: read all that is mapped, then observe. */
  readonly afterConnect: "observe" | "readThenObserve";
  /** Version of an object that neither the registration nor the device's LwM2M version gives one; undefined: 1.0. */
  readonly defaultObjectVersion: string | undefined;
  readonly power: PowerSettings;
  /** How much of the device's story is told as `transportLog`; undefined: the server's setting. */
  readonly transportLog: TransportLogLevel | undefined;
  /** CoAP Content-Formats for this kind of device, best first, in place of what is chosen by its registration; undefined: no override. Never empty. */
  readonly contentFormats: readonly number[] | undefined;
  /** What is written to Mute Send (/1/x/23) after registration; undefined: it is left as it is. */
  readonly muteSend: boolean | undefined;
  readonly limits: ProfileLimits;
  readonly reachability: ReachabilitySettings;
  /** When a request to such a device lapses that does not say so itself, ms after it was accepted; undefined: the server's setting. */
  readonly requestExpiryMs: number | undefined;
  readonly firmwareUpdate: UpdateSettings<"push" | "url" | "object19">;
  readonly softwareUpdate: UpdateSettings<"push" | "url">;
  /** Writes the package's metadata to object 19 before the package. */
  readonly otaInfoInObject19: boolean;
  readonly bootstrap: BootstrapSettings;
}

/** What the profile says about one path. */
export interface ProfileEntry {
  /** The path with its version, as the profile writes it: `/3_1.2/0/9`, or `/3/0/9` for the version that the device registered. */
  readonly id: string;
  /** Object, Object Instance, Resource or (for notification attributes and observations) Resource Instance. */
  readonly path: LwM2mPath;
  readonly version: string | undefined;
  /** Name of the resource's values in telemetry, attributes and RPC. */
  readonly key: string | undefined;
  readonly observe: boolean;
  /** Values are published as client attributes. */
  readonly attribute: boolean;
  /** Values are published as time series. */
  readonly telemetry: boolean;
  /** Sent with Write-Attributes after registration. */
  readonly attributes: NotificationAttributes | undefined;
}

/** One Observe per path, one Observe-Composite for all, or one per object. */
export type ObserveStrategy = "single" | "compositeAll" | "compositeByObject";

/** When the device listens. Timers are undefined where the server's default holds. */
export interface PowerSettings {
  readonly mode: "DRX" | "PSM" | "E_DRX";
  /** PSM: how long after its last uplink the device listens. */
  readonly psmActivityTimerMs: number | undefined;
  /** E_DRX: how long a request may take. */
  readonly edrxCycleMs: number | undefined;
  /** E_DRX: how long after its last uplink the device listens. */
  readonly pagingTransmissionWindowMs: number | undefined;
  /** Queue mode: how long after its last uplink the device listens (OMA LwM2M Core 1.1.1 §6.5: 93 s unless agreed otherwise). */
  readonly queueModeAwakeTimeMs: number | undefined;
}

/** `summary`: registrations and failures; `full`: every request and answer too. */
export type TransportLogLevel = "off" | "summary" | "full";

/** What one device may use up. Undefined: the server's setting; empty: no limit. */
export interface ProfileLimits {
  /** Datagrams with content that one device may send: Register, Update, notifications, Send. */
  readonly uplinksPerDevice: RateLimit | undefined;
}

/** What is known of the networks between. */
export interface ReachabilitySettings {
  /** How long after its last datagram a device behind a carrier's NAT is surely reachable; undefined: the server's setting. */
  readonly flowWindowMs: number | undefined;
}

/** How an update package reaches the device: its bytes are written, its URL is written, or (firmware) its bytes go to object 19. */
export interface UpdateSettings<Strategy> {
  readonly strategy: Strategy;
  /** Base of the package's URL. */
  readonly baseUrl: string | undefined;
}

/**
 * Parses a device profile: ThingsBoard's JSON as it is (a whole `DeviceProfile`, or its `transportConfiguration` alone), or the shorter form that people write in YAML:
 *
 *     resources:
 *       /3/0/9: { key: batteryLevel, telemetry: true, observe: true, attributes: { pmin: 10, pmax: 60 } }
 *     objects:
 *       /3303: { attributes: { pmin: 10 } }
 *     strategy: single
 *     power: { mode: psm, activityTimerMs: 20000 }
 *
 * Unknown members of ThingsBoard's form are ignored, as there; of the shorter form they are errors.
 * @throws {ProfileError} with the field that is wrong and what to write instead
 */
export function parseDeviceProfile(input: unknown): DeviceProfile {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new ProfileError("", "a device profile is an object with `resources`, or ThingsBoard's JSON of one");
  }
  return isThingsBoardForm(input) ? parseThingsBoardForm(input) : parseFerryForm(input);
}
