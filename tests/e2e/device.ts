import {
  countingSignal,
  type DeviceEvent,
  type Fleet,
  type SimulatedDeviceSettings,
  startFleet,
} from "@ferry/simulator";
import { startUdpBalancer, type UdpBalancer } from "@ferry/testing";
import { DeviceEvents, type EventOf } from "./device-events.ts";
import type { ServiceProcess } from "./system.ts";

/** The numbered resource of the devices of these tests. */
export const NUMBER = [3303, 0, 5700] as const;

type DeviceSettings = Partial<SimulatedDeviceSettings> & {
  readonly numberEveryMs?: number;
  readonly onEvent?: (event: DeviceEvent) => void;
};

/** One simulated device behind a balancer of its own, which decides what node hears it. */
export class Device {
  readonly endpoint: string;
  readonly #events: DeviceEvents;
  readonly #balancer: UdpBalancer;
  readonly #onEvent: (event: DeviceEvent) => void;
  #fleet: Fleet | undefined;

  /** Starts a device; it registers at once with `node`. With `numberEveryMs` it counts a resource up. */
  static async start(
    endpoint: string,
    node: ServiceProcess,
    { numberEveryMs, onEvent = () => {}, ...settings }: DeviceSettings = {},
  ): Promise<Device> {
    const device = new Device(endpoint, await startUdpBalancer({ backends: [node.coapPort] }), onEvent);
    const signals = numberEveryMs === undefined ? [] : [countingSignal(NUMBER, numberEveryMs)];
    device.#fleet = await startFleet({
      server: { host: "127.0.0.1", port: device.#balancer.port },
      count: 1,
      endpoint,
      device: () => ({ signals, ...settings }),
      onEvent: (_, event) => device.#happened(event),
    });
    return device;
  }

  private constructor(endpoint: string, balancer: UdpBalancer, onEvent: (event: DeviceEvent) => void) {
    this.endpoint = endpoint;
    this.#events = new DeviceEvents(endpoint);
    this.#balancer = balancer;
    this.#onEvent = onEvent;
  }

  /** From now on its datagrams go to this node; to none when undefined. */
  moveTo(node: ServiceProcess | undefined): void {
    this.#balancer.setBackends(node === undefined ? [] : [node.coapPort]);
  }

  /** From now on it hears every node that sends to it, as where all nodes send from the balancer's address (reachability `vip`). */
  hearEveryNode(): void {
    this.#balancer.deliverStrays();
  }

  handle(input: Parameters<Fleet["handle"]>[1]): void {
    this.#fleet?.handle(this.endpoint, input);
  }

  of<Type extends DeviceEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.#events.of(type);
  }

  /** Numbers that were acknowledged so far. */
  get acknowledged(): number[] {
    return this.of("delivered").map(({ nodes: [node] }) =>
      node?.type === "singleResource" ? Number(node.value.value) : 0,
    );
  }

  get events(): readonly DeviceEvent[] {
    return this.#events.all;
  }

  /** The first such event after the first `after`. @throws {ProcessStartError} it does not come in time */
  async waitFor<Type extends DeviceEvent["type"]>(
    type: Type,
    wanted: { readonly after?: number; readonly timeoutMs?: number } = {},
  ): Promise<EventOf<Type>> {
    return await this.#events.waitFor(type, wanted);
  }

  /** Waits until the device sent a notification after now and saw its acknowledgement. */
  async uplink(timeoutMs?: number): Promise<void> {
    const number = this.of("notified").at(-1)?.notification ?? 0;
    for (let after = this.of("delivered").length; ; after++) {
      const { notification } = await this.waitFor(
        "delivered",
        timeoutMs === undefined ? { after } : { after, timeoutMs },
      );
      if (notification > number) return;
    }
  }

  /** Ends it, with a Deregister that is given a second. */
  async stop(): Promise<void> {
    await this.#fleet?.stop(1_000);
    this.#balancer.close();
  }

  #happened(event: DeviceEvent): void {
    this.#events.add(event);
    this.#onEvent(event);
  }
}
