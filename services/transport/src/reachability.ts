import type { PowerSettings } from "@ferry/profile";
import type { Link } from "./source.ts";

/** How devices can be reached from here: `flow` through the NAT or balancer mapping that their own datagrams keep open, `vip` at any time. */
export interface ReachabilitySettings {
  readonly mode: "flow" | "vip";
  /** After a flow whose datagrams span less than 2 s: kernels forget a single exchange after 30 s. */
  readonly singleExchangeWindowMs: number;
  /** After a longer flow. */
  readonly flowWindowMs: number;
}

/** How long a sleeping device listens after its last message where its profile does not say, ms. */
export interface AwakeSettings {
  readonly queueModeMs: number;
  readonly psmMs: number;
  readonly edrxMs: number;
}

/** A flow that lasted longer than this is kept by NAT and connection tracking as an established one. */
const ESTABLISHED_AFTER_MS = 2_000;

/** When a device was heard: first and last datagram of its present flow, on one monotonic clock. */
export interface Flow {
  readonly flowStartMs: number;
  readonly lastUplinkMs: number;
}

/** What decides whether a datagram finds a device. */
export interface Listener extends Flow {
  /** Whether the way to it is open. */
  readonly link: Link;
  /** It was found asleep, and not heard since. */
  readonly asleep: boolean;
  readonly registration: { readonly queueMode: boolean };
  readonly serving: {
    readonly power: PowerSettings;
    /** The networks between keep a mapping for so long, as the profile knows. */
    readonly flowWindowMs: number | undefined;
  };
}

/**
 * How long a device listens after its last message, ms; Infinity for one that always does.
 *
 * Queue mode (`Q`, `UQ`): MAX_TRANSMIT_WAIT (OMA LwM2M Core 1.1.1 §6.5). PSM: its activity timer; E_DRX: its paging window.
 */
export function awakeMs({ registration, serving: { power } }: Listener, settings: AwakeSettings): number {
  switch (power.mode) {
    case "PSM":
      return power.psmActivityTimerMs ?? settings.psmMs;
    case "E_DRX":
      return power.pagingTransmissionWindowMs ?? settings.edrxMs;
    case "DRX":
      return registration.queueMode ? (power.queueModeAwakeTimeMs ?? settings.queueModeMs) : Number.POSITIVE_INFINITY;
  }
}

/** How long a request to the device may take, ms; Infinity: as long as the server waits for any. With E_DRX the network holds it back for a cycle. */
export function requestTimeoutMs({ mode, edrxCycleMs = Number.POSITIVE_INFINITY }: PowerSettings): number {
  return mode === "E_DRX" ? edrxCycleMs : Number.POSITIVE_INFINITY;
}

/** Whether the device ever sleeps. */
export function sleeps(device: Listener, settings: AwakeSettings): boolean {
  return awakeMs(device, settings) !== Number.POSITIVE_INFINITY;
}

/** How long after its last datagram the device's mapping is trusted, ms. */
export function windowMs(flow: Flow, settings: ReachabilitySettings, profileMs?: number): number {
  if (settings.mode === "vip") return Number.POSITIVE_INFINITY;
  const established = flow.lastUplinkMs - flow.flowStartMs >= ESTABLISHED_AFTER_MS;
  const flowWindowMs = profileMs ?? settings.flowWindowMs;
  return established ? flowWindowMs : Math.min(settings.singleExchangeWindowMs, flowWindowMs);
}

/** What of the settings decides whether a device can be reached. */
export interface ListeningSettings {
  readonly reachability: ReachabilitySettings;
  readonly awake: AwakeSettings;
}

/**
 * Until when a datagram finds the device if it is not heard before, on the clock of its flow: it listens, and the way to it is open.
 * Later it would find nobody, or corrupt the device's mapped port.
 */
function reachableUntilMs(device: Listener, { reachability, awake }: ListeningSettings): number {
  if (device.link !== "open") return Number.NEGATIVE_INFINITY;
  const listensMs = awakeMs(device, awake);
  if (device.asleep && listensMs !== Number.POSITIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  return device.lastUplinkMs + Math.min(listensMs, windowMs(device, reachability, device.serving.flowWindowMs));
}

/** Until when a message that leaves now may be repeated, if the device is not heard before: as above, or as long as the network holds it back for the device (E_DRX). */
function repeatUntilMs(device: Listener, { reachability, awake }: ListeningSettings, nowMs: number): number {
  const listensMs = device.lastUplinkMs + awakeMs(device, awake);
  const heldBackMs = requestTimeoutMs(device.serving.power);
  const hearsUntilMs = heldBackMs === Number.POSITIVE_INFINITY ? listensMs : Math.max(listensMs, nowMs + heldBackMs);
  return Math.min(hearsUntilMs, device.lastUplinkMs + windowMs(device, reachability, device.serving.flowWindowMs));
}

/** When the datagrams of a request that is made now may leave. */
export interface RequestBounds {
  /** The first of its first message, monotonic ms. */
  readonly sendByMs: number;
  /** Its repeats, monotonic ms. */
  readonly repeatUntilMs: number;
  /** Repeats of further blocks, ms after the device was last heard. */
  readonly repeatForMs: number;
}

/** As `reachableUntilMs` and `repeatUntilMs` say; each answer of the device opens its window anew. */
export function requestBounds(device: Listener, settings: ListeningSettings, nowMs: number): RequestBounds {
  return {
    sendByMs: reachableUntilMs(device, settings),
    repeatUntilMs: repeatUntilMs(device, settings, nowMs),
    repeatForMs: repeatUntilMs(device, settings, device.lastUplinkMs) - device.lastUplinkMs,
  };
}

/** Whether a datagram sent now finds the device. */
export function isReachable(device: Listener, settings: ListeningSettings, nowMs: number): boolean {
  return nowMs <= reachableUntilMs(device, settings);
}
