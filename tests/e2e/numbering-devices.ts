import { setTimeout as sleep } from "node:timers/promises";
import { secretKey } from "@ferry/dtls";
import {
  countingSignal,
  type DeviceEvent,
  type DeviceSecurity,
  type Fleet,
  type SimulatedDeviceSettings,
  startFleet,
} from "@ferry/simulator";
import { type LeshanDevice, type LeshanEvent, ProcessStartError, startLeshan } from "@ferry/testing";
import { type MbedtlsDevices, type MbedtlsEvent, startMbedtlsDevices } from "./mbedtls-devices.ts";

const NUMBERED = [3303, 0, 5700];

/** How soon a refused device registers again, ms. */
const AGAIN_MS = 500;

/** All devices have registered, are observed and were heard by then. */
const START_WITHIN_MS = 120_000;

/** How many devices number their values, and how fast. */
export interface NumberingOptions {
  readonly serverPort: number;
  /** Simulated ones. */
  readonly simulated: number;
  /** Their names without number; `sim-` by default. */
  readonly name?: string;
  /** Clients of Eclipse Leshan, `leshan-0` and up. */
  readonly leshan?: number;
  /** Devices on Mbed TLS, `mbedtls-0` and up; they need `psk`. */
  readonly mbedtls?: number;
  readonly intervalMs: number;
  readonly lifetimeS: number;
  /** Behind DTLS: a key in hex, of which each endpoint name is an identity, and whether records carry Connection IDs. */
  readonly psk?: { readonly key: string; readonly hasCid: boolean };
  readonly transmission?: SimulatedDeviceSettings["transmission"];
}

/** What a device saw: which number it sent last, and which were acknowledged. */
interface Log {
  lastNotified: number;
  registrations: number;
  readonly acknowledged: Set<number>;
  /** Waits for the acknowledgement of a number above this. */
  readonly waiting: { readonly above: number; resolve(): void }[];
}

/** Lengths of the Connection IDs in records to devices: each kind of client has another one. */
const CID_BYTES = { simulated: 0, leshan: 6, mbedtls: 4 };

/** Devices that notify 1, 2, 3 … by CON and remember which numbers the server acknowledged: from then on those must never be lost. */
export class NumberingDevices {
  readonly #logs = new Map<string, Log>();
  #fleet: Fleet | undefined;
  #leshan: LeshanDevice | undefined;
  #mbedtls: MbedtlsDevices | undefined;
  #seen = 0;

  /** Resolves when all have registered, are observed and were heard. */
  static async start(options: NumberingOptions): Promise<NumberingDevices> {
    const { simulated, leshan = 0, mbedtls = 0, name } = options;
    const devices = new NumberingDevices();
    const kinds = [
      [name ?? "sim-", simulated],
      ["leshan-", leshan],
      ["mbedtls-", mbedtls],
    ] as const;
    const names = kinds.flatMap(([kind, count]) => Array.from({ length: count }, (_, i) => `${kind}${i}`));
    const heard = names.map((endpoint) => devices.uplink(endpoint));
    devices.#fleet = await startSimulated(options, (endpoint, event) => devices.#simulated(endpoint, event));
    if (mbedtls > 0) devices.#mbedtls = await startMbedtls(options, (event) => devices.#told(event));
    if (leshan > 0) {
      devices.#leshan = await startLeshanOnes(options);
      await devices.#leshan.send({ command: "number", intervalMs: options.intervalMs });
    }
    await Promise.race([Promise.all(heard), devices.#tooLate(names)]);
    return devices;
  }

  async #tooLate(names: readonly string[]): Promise<never> {
    await sleep(START_WITHIN_MS, undefined, { ref: false });
    const missing = names.filter((name) => this.#log(name).acknowledged.size === 0);
    throw new ProcessStartError(
      `${missing.length} of ${names.length} devices were not heard: ${missing.slice(0, 5)} …`,
    );
  }

  get endpoints(): readonly string[] {
    return [...this.#logs.keys()];
  }

  /** Registers that were accepted so far. */
  get registrations(): number {
    this.#readLeshan();
    let sum = 0;
    for (const { registrations } of this.#logs.values()) sum += registrations;
    return sum;
  }

  /** Those of one device. */
  registrationsOf(endpoint: string): number {
    this.#readLeshan();
    return this.#log(endpoint).registrations;
  }

  /** Numbers that were acknowledged so far, of all devices. */
  get acknowledgements(): number {
    this.#readLeshan();
    let sum = 0;
    for (const { acknowledged } of this.#logs.values()) sum += acknowledged.size;
    return sum;
  }

  acknowledged(endpoint: string): ReadonlySet<number> {
    return this.#log(endpoint).acknowledged;
  }

  /** Resolves when the server has acknowledged a notification that the device sends from now on. */
  uplink(endpoint: string): Promise<void> {
    this.#readLeshan();
    const log = this.#log(endpoint);
    return new Promise((resolve) => log.waiting.push({ above: log.lastNotified, resolve }));
  }

  /** Gives each simulated device another source port, as NATs that rebind. */
  async rebind(): Promise<void> {
    const fleet = this.#fleet;
    await Promise.all((fleet?.endpoints ?? []).map((endpoint) => fleet?.rebind(endpoint)));
  }

  /** Ends the devices; what they saw stays. */
  async stop(): Promise<void> {
    const fleet = this.#fleet;
    this.#fleet = undefined;
    clearInterval(this.#reading);
    await fleet?.stop();
    await this.#mbedtls?.stop();
    await this.#leshan?.stop();
    this.#readLeshan();
  }

  #log(endpoint: string): Log {
    let log = this.#logs.get(endpoint);
    if (log === undefined) {
      log = { lastNotified: 0, registrations: 0, acknowledged: new Set(), waiting: [] };
      this.#logs.set(endpoint, log);
    }
    return log;
  }

  #simulated(endpoint: string, event: DeviceEvent): void {
    if (event.type === "registered") this.#log(endpoint).registrations++;
    // A node learns of what was provisioned a moment after the router said APPLIED; until then it answers 4.03.
    if (event.type === "refused" && event.uplink === "register") {
      setTimeout(() => this.#fleet?.handle(endpoint, { type: "register" }), AGAIN_MS).unref();
    }
    // It gives an observation up whose notification nobody acknowledges (RFC 7641 §4.5), and looks whether the server is still there.
    if (event.type === "undelivered" && event.reason === "timeout") this.#fleet?.handle(endpoint, { type: "update" });
    if (event.type !== "notified" && event.type !== "delivered") return;
    const [node] = event.nodes;
    if (node?.type !== "singleResource") return;
    const number = Number(node.value.value);
    if (event.type === "notified") this.#notified(endpoint, number);
    else this.#acknowledged(endpoint, number);
  }

  /** Takes in what Leshan told since the last time. */
  #readLeshan(): void {
    const { events = [] } = this.#leshan ?? {};
    for (; this.#seen < events.length; this.#seen++) this.#told(events[this.#seen] as LeshanEvent); // Within its length.
  }

  #told(event: LeshanEvent | MbedtlsEvent): void {
    if (event.event === "registered") this.#log(event.endpoint).registrations++;
    else if (event.event === "notified") this.#notified(event.endpoint, Number(event.value));
    else if (event.event === "acknowledged") this.#acknowledged(event.endpoint, Number(event.value));
  }

  /** Leshan's events are read in lots. */
  readonly #reading = setInterval(() => this.#readLeshan(), 20);

  #notified(endpoint: string, number: number): void {
    this.#log(endpoint).lastNotified = number;
  }

  #acknowledged(endpoint: string, number: number): void {
    const { acknowledged, waiting } = this.#log(endpoint);
    acknowledged.add(number);
    for (const wait of waiting.filter(({ above }) => number > above)) {
      waiting.splice(waiting.indexOf(wait), 1);
      wait.resolve();
    }
  }
}

function startSimulated(
  { serverPort, simulated, name, intervalMs, lifetimeS, psk, transmission }: NumberingOptions,
  onEvent: (endpoint: string, event: DeviceEvent) => void,
): Promise<Fleet> {
  const security = (endpoint: string): DeviceSecurity | undefined =>
    psk && {
      credential: { type: "psk", identity: Buffer.from(endpoint), key: secretKey(Buffer.from(psk.key, "hex")) },
      ...(psk.hasCid && { ownCidLengthBytes: CID_BYTES.simulated }),
    };
  return startFleet({
    server: { host: "127.0.0.1", port: serverPort },
    count: simulated,
    ...(name !== undefined && { endpoint: name }),
    device: () => ({
      lifetimeS,
      signals: [countingSignal(NUMBERED, intervalMs)],
      ...(transmission !== undefined && { transmission }),
    }),
    security,
    onEvent,
  });
}

async function startLeshanOnes({
  serverPort,
  leshan: count = 0,
  lifetimeS,
  psk,
}: NumberingOptions): Promise<LeshanDevice> {
  const device = await startLeshan({
    server: `${psk === undefined ? "coap" : "coaps"}://127.0.0.1:${serverPort}`,
    endpoint: "leshan-",
    count,
    lifetimeS,
    ...(psk !== undefined && { psk: { key: psk.key, ...(psk.hasCid && { cidBytes: CID_BYTES.leshan }) } }),
  });
  for (let i = 0; i < count; i++) {
    await device.waitFor("observed", ({ endpoint }) => endpoint === `leshan-${i}`, 30_000);
  }
  return device;
}

function startMbedtls(
  { serverPort, mbedtls: count = 0, intervalMs, psk }: NumberingOptions,
  onEvent: (event: MbedtlsEvent) => void,
): Promise<MbedtlsDevices> {
  const cidBytes = psk?.hasCid === true ? CID_BYTES.mbedtls : -1;
  return startMbedtlsDevices({
    port: serverPort,
    count,
    name: "mbedtls-",
    key: psk?.key ?? "",
    cidBytes,
    intervalMs,
    onEvent,
  });
}
