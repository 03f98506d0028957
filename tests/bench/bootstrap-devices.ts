/**
 * Devices from the factory for `bootstrap.bench.ts`, in a process of their own: they are switched on all at once, are bootstrapped, and register with the server that they got.
 * They are those of `ferry simulate --bootstrap`, each with a socket and an address of its own.
 */
import { secretKey } from "@ferry/dtls";
import { type DeviceEvent, type Fleet, startFleet } from "@ferry/simulator";
import { pskOf } from "./dtls-devices.ts";

/** How devices secure what they send, to both servers. */
export type BootstrapSecurity = "noSec" | "DTLS-PSK";

/** What the devices are told: to be switched on, or off. */
export type BootstrapCommand =
  | {
      readonly type: "run";
      readonly security: BootstrapSecurity;
      /** Port of the bootstrap server. */
      readonly port: number;
      /** Begins their names. */
      readonly prefix: string;
      readonly count: number;
    }
  | { readonly type: "stop" };

/** What came of it. Times are from when the first of them is switched on, ms. */
export interface BootstrapResult {
  readonly bootstrapped: Milestone;
  readonly registered: Milestone;
  /** Requests that were refused or not answered, bootstraps that were not finished, and handshakes that failed. */
  readonly setbacks: number;
}

/** How many devices got there, and when. */
export interface Milestone {
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lastMs: number;
}

/** Who is not registered by then has failed: a device asks again within half a minute or so. */
const PATIENCE_MS = 120_000;
const SETBACKS: ReadonlySet<DeviceEvent["type"]> = new Set([
  "refused",
  "unanswered",
  "bootstrapAbandoned",
  "requestRefused",
  "associationFailed",
]);

/** Name of the identity that a device has from its factory. */
export const factoryIdentityOf = (endpoint: string): string => `factory-${endpoint}`;

let fleet: Fleet | undefined;

async function run({ security, port, prefix, count }: BootstrapCommand & { type: "run" }): Promise<BootstrapResult> {
  let startMs = 0;
  let setbacks = 0;
  const bootstrapped = new Map<string, number>();
  const registered = new Map<string, number>();
  const done = Promise.withResolvers<void>();
  fleet = await startFleet({
    server: { host: "127.0.0.1", port },
    count,
    endpoint: prefix,
    bootstrap: {},
    ownAddresses: true,
    registrationsPerSecond: Number.MAX_SAFE_INTEGER,
    device: () => {
      startMs = performance.now(); // When the last is made, all are switched on.
      return {};
    },
    security: (endpoint) => {
      if (security === "noSec") return undefined;
      const identity = factoryIdentityOf(endpoint);
      const key = secretKey(pskOf(identity));
      return { credential: { type: "psk", identity: Buffer.from(identity), key }, ownCidLengthBytes: 0 };
    },
    onEvent: (endpoint, { type }) => {
      if (SETBACKS.has(type)) setbacks++;
      const times = type === "bootstrapped" ? bootstrapped : type === "registered" ? registered : undefined;
      if (times === undefined || times.has(endpoint)) return;
      times.set(endpoint, performance.now() - startMs);
      if (registered.size === count) done.resolve();
    },
  });
  const timeout = setTimeout(done.resolve, PATIENCE_MS);
  await done.promise;
  clearTimeout(timeout);
  return { bootstrapped: milestone(bootstrapped), registered: milestone(registered), setbacks };
}

function milestone(times: ReadonlyMap<string, number>): Milestone {
  const sorted = [...times.values()].sort((a, b) => a - b);
  const quantile = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  return { count: sorted.length, p50Ms: quantile(0.5), p99Ms: quantile(0.99), lastMs: quantile(1) };
}

process.on("message", async (command: BootstrapCommand) => {
  if (command.type === "run") return process.send?.(await run(command));
  await fleet?.stop();
  return process.send?.({});
});
