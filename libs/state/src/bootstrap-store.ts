import type { DeviceRef } from "./device-store.ts";

/** One step of a bootstrap session, as people are shown it. */
export interface BootstrapSummaryStep {
  readonly atMs: number;
  /** Such as WRITTEN. */
  readonly step: string;
  /** What was discovered, read, deleted or written; empty otherwise. */
  readonly path: string;
  /** CoAP code of the answer, such as 2.04; empty where there was none. */
  readonly code: string;
  /** Why it failed; empty on success. */
  readonly reason: string;
}

/** What is known of a bootstrap session. Times are ms since 1970. No text in it is a secret. */
export interface BootstrapSummary {
  readonly sessionId: string;
  /** Name of the process that had it. */
  readonly node: string;
  readonly startedAtMs: number;
  /** Absent while it goes on. */
  readonly endedAtMs?: number | undefined;
  /** `running` also where the process died that had it: the device asks again. */
  readonly outcome: "running" | "finished" | "failed";
  /** Why it failed; empty otherwise. */
  readonly reason: string;
  /** How the device proved who it is; empty of a refused request, or handshake, that proved nothing. */
  readonly securityMode: "NO_SEC" | "PSK" | "RPK" | "X509" | "";
  /** Servers that the device was given, such as `server 1 coaps://lwm2m.example.org:5686 PSK`. */
  readonly servers: readonly string[];
  /** In their order. */
  readonly steps: readonly BootstrapSummaryStep[];
  /** How many steps came before the first of `steps` and are not kept; absent for none. */
  readonly stepsLeftOut?: number | undefined;
}

/** Most steps that are kept of a session; beyond it the first go. */
export const SUMMARY_MAX_STEPS = 64;
/** Most servers that are kept of a session. */
export const SUMMARY_MAX_SERVERS = 16;
/** Longest text in a summary, bytes of UTF-8; what is beyond is cut off. */
export const SUMMARY_TEXT_MAX_BYTES = 280;
/** Largest summary, bytes of JSON; beyond it the first steps go, then the last servers. */
export const SUMMARY_MAX_BYTES = 8_192;
/** How long a device's last bootstrap is remembered: 30 days. */
export const BOOTSTRAP_MEMORY_MS = 2_592_000_000;

/** The last bootstrap of each device, to be looked at: nothing is decided by it, and it is not restored after a loss of the store. */
export interface BootstrapStore {
  /**
   * Stores what is known of a session, within the limits of a summary, in place of what was stored of the device. A session that began before the stored one
   * changes nothing, nor does what was known of the stored one before it ended. Rejects with `StateUnavailableError` when the store cannot be reached in time.
   * `ttlMs`: how long it is kept, `BOOTSTRAP_MEMORY_MS` when not given.
   */
  put(device: DeviceRef, summary: BootstrapSummary, ttlMs?: number): Promise<void>;
  get(device: DeviceRef): Promise<BootstrapSummary | undefined>;
}
