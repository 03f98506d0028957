import { type Deadline, NOT_QUEUED } from "@ferry/coap";
import { lwm2m } from "@ferry/proto";
import { driveMachine, type MachineDriver } from "@ferry/runtime";
import { logLine } from "./communication-log.ts";
import { type DueChange, DueWatch } from "./due-watch.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { awakeMs, isReachable, sleeps } from "./reachability.ts";
import { nextHead } from "./record-writer.ts";

const { LIFECYCLE_EVENT_ASLEEP, LIFECYCLE_EVENT_AWAKE } = lwm2m.v1.LifecycleEvent;

/** A device that will fall asleep unless it is heard. */
interface Falling extends Deadline {
  readonly device: OwnedDevice;
}

/**
 * Tells when the devices of this node fall asleep and wake: `asleep` and `awake` on lifecycle, and a line in the device's log.
 *
 * A datagram moves no timer: when its time comes, a device that was heard meanwhile is watched on.
 */
export class Sleepers {
  readonly #ports: TransportPorts;
  readonly #falling = new Map<OwnedDevice, Falling>();
  readonly #timer: MachineDriver<DueChange<Falling>>;

  constructor(ports: TransportPorts) {
    this.#ports = ports;
    this.#timer = driveMachine(new DueWatch<Falling>(), ({ device }) => this.#due(device), ports.clock.monotonicMs);
  }

  /** Watches a device that came here, woke, or is served anew; one that always listens is left alone. */
  watch(device: OwnedDevice): void {
    if (device.asleep) return;
    const known = this.#falling.get(device);
    if (!sleeps(device, this.#ports.settings.awake)) {
      this.#leave(device, known);
      return;
    }
    const item = known ?? { device, dueMs: 0, place: NOT_QUEUED };
    this.#falling.set(device, item);
    this.#timer.handle({ item, dueMs: device.lastUplinkMs + awakeMs(device, this.#ports.settings.awake) });
  }

  /** A device came from another node, which may have said that it sleeps. */
  arrived(device: OwnedDevice): void {
    if (sleeps(device, this.#ports.settings.awake)) this.#tell(device, LIFECYCLE_EVENT_AWAKE);
  }

  /** The device's time is over, or it did not answer in time. */
  fallAsleep(device: OwnedDevice): void {
    this.#leave(device, this.#falling.get(device));
    if (device.asleep || !sleeps(device, this.#ports.settings.awake)) return;
    device.asleep = true;
    logLine(device, "Info : Client is sleeping!", this.#ports);
    this.#tell(device, LIFECYCLE_EVENT_ASLEEP);
  }

  /** A device that slept was heard. */
  wake(device: OwnedDevice): void {
    device.asleep = false;
    device.forgetRefusedValues();
    logLine(device, "Info : Client is awake!", this.#ports);
    this.#tell(device, LIFECYCLE_EVENT_AWAKE);
    this.watch(device);
  }

  stop(): void {
    this.#timer.stop();
  }

  #due(device: OwnedDevice): void {
    const { ownership, clock, settings } = this.#ports;
    if (!ownership.has(device)) this.#leave(device, this.#falling.get(device));
    else if (clock.monotonicMs() - device.lastUplinkMs < awakeMs(device, settings.awake)) this.watch(device);
    else this.fallAsleep(device);
  }

  #leave(device: OwnedDevice, item: Falling | undefined): void {
    if (item === undefined) return;
    this.#falling.delete(device);
    this.#timer.handle({ item, dueMs: undefined });
  }

  #tell(device: OwnedDevice, event: lwm2m.v1.LifecycleEvent): void {
    const { records, random, clock, unpublished } = this.#ports;
    void records.lifecycle(nextHead(device, random(16), clock.wallMs()), { event }).catch(unpublished);
  }
}

/** A datagram of the device came: what waited for that goes on. Costs nothing where nothing waits. */
export function rouse(device: OwnedDevice, ports: TransportPorts): void {
  if (device.asleep) ports.sleepers.wake(device);
  device.putBack = undefined;
  serveWaiting(device, ports);
}

/** Whether something waits in the store for the device, and it can be reached. */
export function mayServe(device: OwnedDevice, { ownership, settings, clock }: TransportPorts): boolean {
  const waits = device.requestsWait || device.valuesWait;
  return waits && ownership.has(device) && isReachable(device, settings, clock.monotonicMs());
}

/** Carries out what waits in the store for the device, when it can be reached. Costs nothing where nothing waits. */
export function serveWaiting(device: OwnedDevice, { rpc, desired }: TransportPorts): void {
  if (device.requestsWait) rpc.serve(device);
  if (device.valuesWait) desired.serve(device);
}
