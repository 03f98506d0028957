import { setTimeout as sleep } from "node:timers/promises";

/** Exchanges under way over all devices. */
const WINDOW = 128;

/** Of handshakes fewer begin than the server lets begin in a second (2,000), so that none is sent away and comes again. */
export const CONNECT_LOOP: { readonly window: number; readonly pauseMs: number } = { window: 32, pauseMs: 20 };

/** What came of a closed loop. */
export interface LoopResult {
  /** Answered otherwise than with success, or not at all. */
  readonly failed: number;
  /** From datagram out to answer in, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** A closed loop: as many exchanges under way as the window allows, one at a time for each device, and a pause behind each. */
export async function closedLoop<Device>(
  over: readonly Device[],
  count: number,
  operation: (device: Device) => Promise<boolean>,
  { window = WINDOW, pauseMs = 0 }: { readonly window?: number; readonly pauseMs?: number } = {},
): Promise<LoopResult> {
  const latencies: number[] = [];
  const workers = Math.min(window, over.length);
  let failed = 0;
  const work = async (worker: number): Promise<void> => {
    // A worker has devices of its own, so that no two meet at one; and so many exchanges, so that a fast one leaves no device of a slow one out.
    let device = worker;
    for (let exchange = worker; exchange < count; exchange += workers) {
      const sentMs = performance.now();
      if (!(await operation(over[device] as Device))) failed += 1; // Below `over.length`.
      latencies.push(performance.now() - sentMs);
      device = device + workers < over.length ? device + workers : worker;
      if (pauseMs > 0) await sleep(pauseMs);
    }
  };
  await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));
  return { failed, ...quantiles(latencies) };
}

export function quantiles(latencies: readonly number[]): Pick<LoopResult, "p50Ms" | "p99Ms"> {
  const sorted = latencies.toSorted((a, b) => a - b);
  const quantile = (q: number): number => sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
  return { p50Ms: quantile(0.5), p99Ms: quantile(0.99) };
}
