import { countingSignal, type DeviceEvent, type Fleet, startFleet } from "@ferry/simulator";
import { type LeshanDevice, startLeshan } from "@ferry/testing";

const NUMBERED = [3303, 0, 5700];

/** How soon a refused device registers again, ms. */
const AGAIN_MS = 500;

/** How many devices number their values, and how fast. */
export interface NumberingOptions {
  readonly serverPort: number;
  /** Simulated ones, `sim-0` and up. */
  readonly simulated: number;
  /** Clients of Eclipse Leshan, `leshan-0` and up. */
  readonly leshan: number;
  readonly intervalMs: number;
  readonly lifetimeS: number;
}

/** What a device saw: which number it sent last, and which were acknowledged. */
interface Log {
  lastNotified: number;
  readonly acknowledged: Set<number>;
  /** Waits for the acknowledgement of a number above this. */
  readonly waiting: { readonly above: number; resolve(): void }[];
}

/** Devices that notify 1, 2, 3 … by CON and remember which numbers the server acknowledged: from then on those must never be lost. */
export class NumberingDevices {
  readonly #logs = new Map<string, Log>();
  #fleet: Fleet | undefined;
  #leshan: LeshanDevice | undefined;
  #registrations = 0;
  #seen = 0;

  /** Resolves when all have registered and are observed. */
  static async start(options: NumberingOptions): Promise<NumberingDevices> {
    const devices = new NumberingDevices();
    const { serverPort, simulated, leshan, intervalMs, lifetimeS } = options;
    devices.#fleet = await startFleet({
      server: { host: "127.0.0.1", port: serverPort },
      count: simulated,
      device: () => ({ lifetimeS, signals: [countingSignal(NUMBERED, intervalMs)] }),
      onEvent: (endpoint, event) => devices.#simulated(endpoint, event),
    });
    if (leshan > 0) {
      const server = `coap://127.0.0.1:${serverPort}`;
      devices.#leshan = await startLeshan({ server, endpoint: "leshan-", count: leshan, lifetimeS });
      for (let i = 0; i < leshan; i++) {
        await devices.#leshan.waitFor("observed", ({ endpoint }) => endpoint === `leshan-${i}`, 30_000);
      }
      await devices.#leshan.send({ command: "number", intervalMs });
    }
    const names = [
      ...Array.from({ length: simulated }, (_, i) => `sim-${i}`),
      ...Array.from({ length: leshan }, (_, i) => `leshan-${i}`),
    ];
    await Promise.all(names.map((endpoint) => devices.uplink(endpoint)));
    return devices;
  }

  get endpoints(): readonly string[] {
    return [...this.#logs.keys()];
  }

  /** Registers that were accepted so far. */
  get registrations(): number {
    this.#readLeshan();
    return this.#registrations;
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

  /** Ends the devices; what they saw stays. */
  async stop(): Promise<void> {
    const fleet = this.#fleet;
    this.#fleet = undefined;
    clearInterval(this.#reading);
    await fleet?.stop();
    await this.#leshan?.stop();
    this.#readLeshan();
  }

  #log(endpoint: string): Log {
    let log = this.#logs.get(endpoint);
    if (log === undefined) {
      log = { lastNotified: 0, acknowledged: new Set(), waiting: [] };
      this.#logs.set(endpoint, log);
    }
    return log;
  }

  #simulated(endpoint: string, event: DeviceEvent): void {
    if (event.type === "registered") this.#registrations++;
    // A node learns of what was provisioned a moment after the router said APPLIED; until then it answers 4.03.
    if (event.type === "refused" && event.uplink === "register") {
      setTimeout(() => this.#fleet?.handle(endpoint, { type: "register" }), AGAIN_MS).unref();
    }
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
    for (; this.#seen < events.length; this.#seen++) {
      const event = events[this.#seen];
      if (event?.event === "registered") this.#registrations++;
      else if (event?.event === "notified") this.#notified(event.endpoint, Number(event.value));
      else if (event?.event === "acknowledged") this.#acknowledged(event.endpoint, Number(event.value));
    }
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
