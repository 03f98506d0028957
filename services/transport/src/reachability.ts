/** How devices can be reached from here: `flow` through the NAT or balancer mapping that their own datagrams keep open, `vip` at any time. */
export interface ReachabilitySettings {
  readonly mode: "flow" | "vip";
  /** After a flow whose datagrams span less than 2 s: kernels forget a single exchange after 30 s. */
  readonly singleExchangeWindowMs: number;
  /** After a longer flow. */
  readonly flowWindowMs: number;
}

/** A flow that lasted longer than this is kept by NAT and connection tracking as an established one. */
const ESTABLISHED_AFTER_MS = 2_000;

/** When a device was heard: first and last datagram of its present flow, on one monotonic clock. */
export interface Flow {
  readonly flowStartMs: number;
  readonly lastUplinkMs: number;
}

/** How long after its last datagram the device's mapping is trusted, ms. */
export function windowMs(flow: Flow, settings: ReachabilitySettings): number {
  if (settings.mode === "vip") return Number.POSITIVE_INFINITY;
  const established = flow.lastUplinkMs - flow.flowStartMs >= ESTABLISHED_AFTER_MS;
  return established ? settings.flowWindowMs : settings.singleExchangeWindowMs;
}

/** Whether a datagram sent now finds the device. Outside the window it would find nobody, or corrupt the device's mapped port. */
export function isReachable(flow: Flow, settings: ReachabilitySettings, nowMs: number): boolean {
  return nowMs - flow.lastUplinkMs <= windowMs(flow, settings);
}
