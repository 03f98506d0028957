import { randomBytes } from "node:crypto";
import { lookup } from "node:dns/promises";
import { setTimeout as delay } from "node:timers/promises";
import { formatPeerKey } from "@ferry/runtime";
import { formatServerUri } from "./bootstrap/server-uri.ts";
import type { SimulatedDeviceSettings } from "./device.ts";
import type { DeviceCommand, DeviceEvent } from "./device-io.ts";
import { FleetMember } from "./fleet-member.ts";
import type { Impairment } from "./impaired-machine.ts";
import type { DeviceSecurity } from "./secured-device.ts";

export interface FleetOptions {
  /** The server; with `bootstrap`, the bootstrap server. */
  readonly server: { readonly host: string; readonly port: number };
  readonly count: number;
  /** Endpoint names are this followed by 0, 1, 2 …; `sim-` by default. With one device it is the whole name. */
  readonly endpoint?: string;
  /** How fast devices register at the start; 100/s by default. */
  readonly registrationsPerSecond?: number;
  /** What differs from a plain {@link SimulatedDevice}. */
  readonly device?: (index: number) => Omit<Partial<SimulatedDeviceSettings>, "endpoint" | "server">;
  /** How a device secures what it sends, by DTLS; undefined, the default: not at all. */
  readonly security?: (
    endpoint: string,
    index: number,
  ) => DeviceSecurity | undefined | Promise<DeviceSecurity | undefined>;
  /** Devices come from the factory: they know a bootstrap server only, and register with whom it names. */
  readonly bootstrap?: FleetBootstrap;
  /** Impairs the link of every device, each by a seed of its own. */
  readonly impairment?: Impairment;
  /** Gives each device a loopback address of its own, 127.16.0.1 upward; the server must be on loopback. */
  readonly ownAddresses?: boolean;
  readonly onEvent?: (endpoint: string, event: DeviceEvent) => void;
}

/** How the devices of a fleet are bootstrapped. */
export interface FleetBootstrap {
  /** How long a device waits before it asks (Client Hold Off Time), s; 0 by default. */
  readonly holdOffS?: number;
  /** Asks for a Bootstrap-Pack first (LwM2M 1.2); false by default. */
  readonly pack?: boolean;
  /** After how long without a request of the bootstrap server a device asks again, ms; 247 000 by default. */
  readonly timeoutMs?: number;
}

/** What a fleet did so far; `registered` and `observations` are what holds now. */
export interface FleetProgress {
  readonly devices: number;
  readonly registered: number;
  readonly observations: number;
  /** Bootstraps that ended well. */
  readonly bootstraps: number;
  readonly registrations: number;
  readonly updates: number;
  readonly deregistrations: number;
  /** Uplinks that the server answered with an error. */
  readonly refused: number;
  /** Uplinks that were not answered. */
  readonly unanswered: number;
  /** Requests of the server that were served. */
  readonly served: number;
  readonly notified: number;
  readonly delivered: number;
  readonly undelivered: number;
  /** DTLS handshakes that ended well: full ones, and those that resumed a session. */
  readonly handshakes: number;
  readonly resumptions: number;
  readonly handshakeFailures: number;
}

/** Many LwM2M clients in one process, each with a UDP socket of its own. */
export interface Fleet {
  readonly progress: FleetProgress;
  readonly endpoints: readonly string[];
  /** Gives a device a command. */
  handle(endpoint: string, command: DeviceCommand): void;
  /** Gives a device another source port, as a NAT that rebinds: it notices nothing. */
  rebind(endpoint: string): Promise<void>;
  /** Switches a device off and on: it forgets its registration, its observations, its DTLS association and what a bootstrap gave it, and registers. */
  reboot(endpoint: string): void;
  /** Resolves when all have sent their first Register. */
  readonly started: Promise<void>;
  /** Deregisters what is registered, waits for the answers up to `timeoutMs` (5 s by default), and closes the sockets. */
  stop(timeoutMs?: number): Promise<void>;
}

const STOP_TIMEOUT_MS = 5000;
/** Devices register in lots at this interval. */
const PACE_MS = 50;

/** Opens the sockets of a fleet and starts to register it. */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const { count, registrationsPerSecond = 100 } = options;
  const { address } = await lookup(options.server.host);
  const server = formatPeerKey(address, options.server.port);
  const tally = new Tally();
  const anyAddress = address.includes(":") ? "::" : "0.0.0.0";
  const members = new Map<string, FleetMember>();
  for (const [index, name] of fleetEndpoints(count, options.endpoint).entries()) {
    const security = await options.security?.(name, index);
    const member = new FleetMember({
      device: () => ({ random: randomBytes, ...options.device?.(index), endpoint: name, server }),
      ...(security === undefined ? {} : { security }),
      ...(options.bootstrap === undefined
        ? {}
        : {
            bootstrap: {
              ...options.bootstrap,
              uri: formatServerUri({ ...options.server, secure: security !== undefined }),
            },
          }),
      ...(options.impairment === undefined
        ? {}
        : { impairment: { ...options.impairment, seed: options.impairment.seed + index } }),
      host: options.ownAddresses === true ? loopbackAddress(index) : anyAddress,
      onEvent: (event) => {
        tally.count(event);
        options.onEvent?.(name, event);
      },
    });
    await member.open();
    members.set(name, member);
  }
  const stopping = new AbortController();
  return {
    get progress() {
      return tally.progress(count, [...members.values()].filter(({ registered }) => registered).length);
    },
    endpoints: [...members.keys()],
    handle(name, command) {
      members.get(name)?.handle(command);
    },
    async rebind(name) {
      await members.get(name)?.open();
    },
    reboot(name) {
      members.get(name)?.reboot();
    },
    started: register([...members.values()], registrationsPerSecond, stopping.signal),
    async stop(timeoutMs = STOP_TIMEOUT_MS) {
      stopping.abort();
      const open = [...members.values()].filter(({ registered }) => registered).length;
      const deregistered = tally.whenEnded(open);
      for (const member of members.values()) member.handle({ type: "deregister" });
      const timeout = new AbortController();
      await Promise.race([
        deregistered,
        delay(timeoutMs, undefined, { signal: timeout.signal }).catch(() => undefined),
      ]);
      timeout.abort();
      await Promise.all([...members.values()].map((member) => member.close()));
    },
  };
}

/** The endpoint names of a fleet. */
export function fleetEndpoints(count: number, endpoint?: string): readonly string[] {
  if (count === 1 && endpoint !== undefined) return [endpoint];
  return Array.from({ length: count }, (_, index) => `${endpoint ?? "sim-"}${index}`);
}

/** Runs a fleet until it is aborted, telling how far it is once a second. Returns what it did. */
export async function runFleet(
  options: FleetOptions & { readonly signal: AbortSignal },
  report: (progress: FleetProgress) => void,
  reportIntervalMs = 1000,
): Promise<FleetProgress> {
  const fleet = await startFleet(options);
  const timer = setInterval(() => report(fleet.progress), reportIntervalMs);
  await new Promise<void>((resolve) => {
    if (options.signal.aborted) resolve();
    else options.signal.addEventListener("abort", () => resolve(), { once: true });
  });
  clearInterval(timer);
  await fleet.stop();
  return fleet.progress;
}

/** 127.16.0.1, 127.16.0.2 …, as the load generator of the benches numbers them. */
function loopbackAddress(index: number): string {
  const number = index + 1;
  return `127.${16 + (number >> 16)}.${(number >> 8) & 0xff}.${number & 0xff}`;
}

async function register(members: readonly FleetMember[], perSecond: number, signal: AbortSignal): Promise<void> {
  const perLot = Math.max(1, Math.round((perSecond * PACE_MS) / 1000));
  const paceMs = (1000 * perLot) / perSecond;
  for (let from = 0; from < members.length && !signal.aborted; from += perLot) {
    for (const member of members.slice(from, from + perLot)) member.handle({ type: "register" });
    if (from + perLot < members.length) await delay(paceMs);
  }
}

/** Counts what happens in a fleet. */
class Tally {
  readonly #counts = new Map<DeviceEvent["type"], number>();
  #resumptions = 0;
  #ended = 0;
  #waiting: { readonly count: number; resolve(): void } | undefined;

  count(event: DeviceEvent): void {
    this.#counts.set(event.type, this.#of(event.type) + 1);
    if (event.type === "associated" && event.resumed) this.#resumptions++;
    const ended = event.type === "deregistered" || ("uplink" in event && event.uplink === "deregister");
    if (ended && ++this.#ended >= (this.#waiting?.count ?? Number.POSITIVE_INFINITY)) this.#waiting?.resolve();
  }

  /** Resolves when this many more registrations have ended. */
  whenEnded(count: number): Promise<void> {
    if (count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { count: this.#ended + count, resolve };
    });
  }

  progress(devices: number, registered: number): FleetProgress {
    const served = [
      "bootstrapServed",
      "read",
      "readComposite",
      "discovered",
      "written",
      "writtenComposite",
      "attributesWritten",
      "executed",
      "created",
      "deleted",
      "observed",
    ] as const;
    return {
      devices,
      registered,
      observations: this.#of("observed") - this.#of("observationEnded"),
      bootstraps: this.#of("bootstrapped"),
      registrations: this.#of("registered"),
      updates: this.#of("updated"),
      deregistrations: this.#of("deregistered"),
      refused: this.#of("refused"),
      unanswered: this.#of("unanswered"),
      served: served.reduce((sum, type) => sum + this.#of(type), 0),
      notified: this.#of("notified"),
      delivered: this.#of("delivered"),
      undelivered: this.#of("undelivered"),
      handshakes: this.#of("associated") - this.#resumptions,
      resumptions: this.#resumptions,
      handshakeFailures: this.#of("associationFailed"),
    };
  }

  #of(type: DeviceEvent["type"]): number {
    return this.#counts.get(type) ?? 0;
  }
}
