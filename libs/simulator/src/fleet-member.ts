import type { Machine } from "@ferry/coap";
import { driveMachine, type MachineDriver, openUdpSocket, type UdpSocket, wallMs } from "@ferry/runtime";
import { SimulatedDevice, type SimulatedDeviceSettings } from "./device.ts";
import type { DeviceCommand, DeviceEvent, DeviceInput, DeviceOutput } from "./device-io.ts";
import { ImpairedMachine, type Impairment } from "./impaired-machine.ts";
import { type DeviceSecurity, SecuredDevice } from "./secured-device.ts";

export interface FleetMemberOptions {
  /** Asked at the start and at each reboot. */
  readonly device: () => SimulatedDeviceSettings;
  readonly security?: DeviceSecurity;
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
  #device: SimulatedDevice;
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

  #switchOn(): [SimulatedDevice, MachineDriver<DeviceInput>] {
    const { security, impairment, onEvent } = this.#options;
    const settings = this.#options.device();
    const device = new SimulatedDevice(settings);
    const { server, random } = settings;
    let machine: Machine<DeviceInput, DeviceOutput> = device;
    if (security !== undefined) machine = new SecuredDevice(machine, { ...security, server, random, wallMs });
    if (impairment !== undefined) machine = new ImpairedMachine(machine, impairment);
    const driver = driveMachine<DeviceInput, DeviceOutput>(machine, (output) => {
      if (output.type === "send") this.#socket?.send(output.bytes, output.peer);
      else onEvent(output);
    });
    return [device, driver];
  }
}
