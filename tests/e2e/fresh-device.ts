import { createSecretKey } from "node:crypto";
import { type DeviceEvent, type DeviceSecurity, type Fleet, startFleet } from "@ferry/simulator";
import { startUdpBalancer, type UdpBalancer } from "@ferry/testing";
import { DeviceEvents } from "./device-events.ts";
import type { ServiceProcess } from "./system.ts";

/** How devices speak with the bootstrap server: in the clear, or by a pre-shared key, without and with a Connection ID. */
export const FRESH_KINDS = ["clear", "psk", "cid"] as const;
export type FreshKind = (typeof FRESH_KINDS)[number];

/** Every device's, 16 bytes in hex; its identity is its endpoint name. */
const KEY = Buffer.from("psk-of-kill-test").toString("hex");
const OWN_CID_BYTES = 4;
/** The session is held here: some of what the server writes is on the device, and not all. */
const HELD_AT_WRITE = 2;
/** Its Bootstrap-Request is given up after 6 to 9 s, and sent anew 1 to 5 s later; in the field it takes 62 to 93 s. */
const TRANSMISSION = { maxRetransmit: 1 };

/** What its credentials are, as documents say it. */
export function credentialOf(kind: FreshKind, endpoint: string): object {
  return kind === "clear" ? { noSec: true } : { psk: { identity: endpoint, key: KEY } };
}

/**
 * A simulated device fresh from the factory, behind a balancer of its own.
 *
 * Its first session is held in the middle: the device takes the second write, and what it says from then on is lost until it is moved.
 */
export class FreshDevice {
  readonly endpoint: string;
  readonly events: DeviceEvents;
  /** Resolves when the session is held. */
  readonly held: Promise<void>;
  readonly kind: FreshKind;
  readonly #balancer: UdpBalancer;
  readonly #hold = Promise.withResolvers<void>();
  #fleet: Fleet | undefined;
  #writes = 0;

  /** Starts a device, which asks this process to bootstrap it; and anew, when no request has come for `timeoutMs` (247 000 in the field). */
  static async start(
    kind: FreshKind,
    endpoint: string,
    server: ServiceProcess,
    timeoutMs: number,
  ): Promise<FreshDevice> {
    const balancer = await startUdpBalancer({ backends: [portOf(kind, server)] });
    const device = new FreshDevice(kind, endpoint, balancer);
    const security = securityOf(kind, endpoint);
    device.#fleet = await startFleet({
      server: { host: "127.0.0.1", port: balancer.port },
      count: 1,
      endpoint,
      bootstrap: { timeoutMs },
      device: () => ({ transmission: TRANSMISSION }),
      security: () => security,
      onEvent: (_, event) => device.#happened(event),
    });
    return device;
  }

  private constructor(kind: FreshKind, endpoint: string, balancer: UdpBalancer) {
    this.endpoint = endpoint;
    this.events = new DeviceEvents(endpoint);
    this.held = this.#hold.promise;
    this.kind = kind;
    this.#balancer = balancer;
  }

  /** From now on its datagrams go to this process. */
  moveTo(server: ServiceProcess): void {
    this.#balancer.setBackends([portOf(this.kind, server)]);
  }

  /** Its address changes, as when a NAT rebinds. */
  async rebind(): Promise<void> {
    await this.#balancer.changeSourcePorts();
  }

  /** How many of these came before the first bootstrap was finished. */
  countBeforeBootstrapped(type: DeviceEvent["type"]): number {
    const end = this.events.all.findIndex((event) => event.type === "bootstrapped");
    return this.events.all.slice(0, end).filter((event) => event.type === type).length;
  }

  async stop(): Promise<void> {
    await this.#fleet?.stop(0);
    this.#balancer.close();
  }

  #happened(event: DeviceEvent): void {
    this.events.add(event);
    // Its answer has not reached the balancer yet.
    if (event.type === "bootstrapServed" && event.operation === "write" && ++this.#writes === HELD_AT_WRITE) {
      this.#balancer.setBackends([]);
      this.#hold.resolve();
    }
  }
}

function portOf(kind: FreshKind, { coapPort, dtlsPort }: ServiceProcess): number {
  return kind === "clear" ? coapPort : dtlsPort;
}

function securityOf(kind: FreshKind, endpoint: string): DeviceSecurity | undefined {
  if (kind === "clear") return undefined;
  const key = createSecretKey(Buffer.from(KEY, "hex"));
  const credential = { type: "psk", identity: Buffer.from(endpoint), key } as const;
  return kind === "cid" ? { credential, ownCidLengthBytes: OWN_CID_BYTES } : { credential };
}
