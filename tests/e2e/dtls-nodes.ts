import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startUdpBalancer, type UdpBalancer } from "@ferry/testing";
import { NumberingDevices, type NumberingOptions } from "./numbering-devices.ts";
import { type Stops, System } from "./system.ts";
import { WireCapture } from "./wire-capture.ts";

/** Every device's, 16 bytes; its identity is its endpoint name. */
const KEY = Buffer.from("psk-of-kill-test").toString("hex");

/** What a device did in a while. */
export interface Course {
  readonly endpoint: string;
  /** From the beginning to the first acknowledgement of a number that was sent in it, ms; undefined: there was none in time. */
  readonly heardAfterMs: number | undefined;
  /** Registers that were accepted in it. */
  readonly registers: number;
}

/** Ferry behind a balancer that has all datagrams written down, for devices behind DTLS that number what they notify. */
export class DtlsNodes {
  readonly system: System;
  readonly balancer: UdpBalancer;
  readonly capture: WireCapture;
  readonly #stops: Stops;

  /** Starts all but nodes and devices; `stops` is told how to end it. */
  static async start(
    name: string,
    stops: Stops,
    transportEnv: Readonly<Record<string, string>> = {},
  ): Promise<DtlsNodes> {
    const system = await System.start({ name, transportEnv: { LWM2M_REACHABILITY_MODE: "vip", ...transportEnv } });
    stops.push(() => system.stop());
    const capture = await WireCapture.open();
    stops.push(() => capture.remove());
    const balancer = await startUdpBalancer({ backends: [], onDatagram: capture.take });
    stops.push(() => balancer.close());
    return new DtlsNodes(system, balancer, capture, stops);
  }

  private constructor(system: System, balancer: UdpBalancer, capture: WireCapture, stops: Stops) {
    this.system = system;
    this.balancer = balancer;
    this.capture = capture;
    this.#stops = stops;
  }

  /** Declares devices with their keys: so many of each name. */
  async declare(counts: Readonly<Record<string, number>>): Promise<void> {
    await this.system.provision();
    const names = Object.entries(counts).flatMap(([name, count]) =>
      Array.from({ length: count }, (_, i) => `${name}${i}`),
    );
    const documents = names.map(
      (name) =>
        `kind: device\nendpoint: ${name}\nprofile: e2e\ncredentials:\n  - psk: { identity: ${name}, key: "${KEY}" }\n`,
    );
    const folder = await mkdtemp(join(tmpdir(), "ferry-devices-"));
    await writeFile(join(folder, "devices.yaml"), documents.join("---\n"));
    await this.system.provision([folder]);
    await rm(folder, { recursive: true });
  }

  /** Starts devices; resolves when all were heard. */
  async startDevices(
    options: Omit<NumberingOptions, "serverPort" | "psk" | "lifetimeS">,
    { hasCid }: { readonly hasCid: boolean },
  ): Promise<NumberingDevices> {
    const psk = { key: KEY, hasCid };
    const devices = await NumberingDevices.start({ ...options, serverPort: this.balancer.port, lifetimeS: 300, psk });
    this.#stops.push(() => devices.stop());
    return devices;
  }
}

/** What becomes of devices from now on, until all are heard or the time is over, and all has happened. */
export async function watch(
  devices: NumberingDevices,
  withinMs: number,
  happening: Promise<void> = Promise.resolve(),
): Promise<readonly Course[]> {
  const startedMs = performance.now();
  const over = new AbortController();
  const late = sleep(withinMs, undefined, { signal: over.signal }).catch(() => undefined);
  const courses = await Promise.all(
    devices.endpoints.map(async (endpoint) => {
      const before = devices.registrationsOf(endpoint);
      const heard = devices.uplink(endpoint).then(() => Math.round(performance.now() - startedMs));
      const heardAfterMs = await Promise.race([heard, late]);
      return { endpoint, heardAfterMs, registers: () => devices.registrationsOf(endpoint) - before };
    }),
  );
  over.abort();
  await happening;
  return courses.map((course) => ({ ...course, registers: course.registers() }));
}
