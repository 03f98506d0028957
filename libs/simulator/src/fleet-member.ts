import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import type { Machine } from "@ferry/coap";
import { driveMachine, type MachineDriver, openUdpSocket, type UdpSocket, wallMs } from "@ferry/runtime";
import { BootstrappingDevice } from "./bootstrap/bootstrapping-device.ts";
import { SimulatedDevice, type SimulatedDeviceSettings } from "./device.ts";
import type { DeviceCommand, DeviceEvent, DeviceInput, DeviceOutput } from "./device-io.ts";
import { ImpairedMachine, type Impairment } from "./impaired-machine.ts";
import type { FactoryAccount } from "./objects/security.ts";
import { type DeviceSecurity, SecuredDevice } from "./secured-device.ts";

export interface FleetMemberOptions {
  /** Asked at the start and at each reboot. */
  readonly device: () => SimulatedDeviceSettings;
  readonly security?: DeviceSecurity;
  /** Where it is bootstrapped, in place of the server of `device`; `security` is then what the factory gave it for that. */
  readonly bootstrap?: Omit<FactoryAccount, "credential"> & { readonly pack?: boolean; readonly timeoutMs?: number };
  readonly impairment?: Impairment;
  /** The address that it sends from. */
  readonly host: string;
  readonly onEvent: (event: DeviceEvent) => void;
}

/** A device's datagrams are few and small. */
const RECEIVE_BUFFER_BYTES = 64 * 1024;

/** One device of a fleet, with a UDP socket of its own. */
export class FleetMember {
  readonly #options: FleetMemberOptions;
  #socket: UdpSocket | undefined;
  #device: SimulatedDevice | BootstrappingDevice;
  #driver: MachineDriver<DeviceInput>;

  constructor(options: FleetMemberOptions) {
    this.#options = options;
    [this.#device, this.#driver] = this.#switchOn();
  }

  get registered(): boolean {
    return this.#device.registered;
  }

  handle(command: DeviceCommand): void {
    this.#driver.handle(command);
  }

  /** Opens a socket, in place of the one that there is. */
  async open(): Promise<void> {
    const replaced = this.#socket;
    this.#socket = await openUdpSocket({
      host: this.#options.host,
      port: 0,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
      onDatagram: (bytes, peer) => this.#driver.handle({ type: "datagram", peer, bytes }),
      // What UDP cannot deliver is lost; the device sends it again.
      onError: () => undefined,
    });
    await replaced?.close();
  }

  /** Goes on from the same socket as a device that knows nothing of before, and registers. */
  reboot(): void {
    this.#driver.stop();
    [this.#device, this.#driver] = this.#switchOn();
    this.#driver.handle({ type: "register" });
  }

  async close(): Promise<void> {
    this.#driver.stop();
    await this.#socket?.close();
  }

  #switchOn(): [SimulatedDevice | BootstrappingDevice, MachineDriver<DeviceInput>] {
    const { impairment, onEvent } = this.#options;
    const [device, secured] = this.#makeDevice();
    const machine = impairment === undefined ? secured : new ImpairedMachine(secured, impairment);
    const driver = driveMachine<DeviceInput, DeviceOutput>(machine, (output) => {
      if (output.type === "send") this.#socket?.send(output.bytes, output.peer);
      else if (output.type === "resolve") void this.#resolve(output.host, driver);
      else onEvent(output);
    });
    return [device, driver];
  }

  /** The device, and what its datagrams go through. */
  #makeDevice(): [SimulatedDevice | BootstrappingDevice, Machine<DeviceInput, DeviceOutput>] {
    const { security, bootstrap } = this.#options;
    const settings = this.#options.device();
    if (bootstrap !== undefined) {
      const { credential, ...links } = security ?? {};
      const { pack = false, timeoutMs, ...server } = bootstrap;
      const account = credential === undefined ? server : { ...server, credential };
      const device = new BootstrappingDevice({
        ...settings,
        account,
        pack,
        ...(timeoutMs === undefined ? {} : { bootstrapTimeoutMs: timeoutMs }),
        security: links,
        wallMs,
      });
      return [device, device];
    }
    const device = new SimulatedDevice(settings);
    const { server, random } = settings;
    return [
      device,
      security === undefined ? device : new SecuredDevice(device, { ...security, server, random, wallMs }),
    ];
  }

  async #resolve(host: string, driver: MachineDriver<DeviceInput>): Promise<void> {
    const family = isIPv6(this.#options.host) ? 0 : 4;
    // A name that cannot be looked up now may be there later: the device asks again.
    const found = await lookup(host, { family }).catch(() => undefined);
    driver.handle({ type: "resolved", host, address: found?.address });
  }
}
