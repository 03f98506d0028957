import type { lwm2m } from "@ferry/proto";
import { type DeviceRef, lifecycleRecord, type Owner } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";
import { publishCommand } from "./route-requests.ts";

/** How long a node may take to obey. */
const COMMAND_DEADLINE_MS = 60_000;
/** Registrations per page of a fleet. */
const PAGE = 200;

/**
 * Ends a device's registration, if it has one, and has its owner forget it and tell of it; where nobody has it, the sweeper tells.
 *
 * The owner is told before, since a repeat after a failure no longer finds it in the store, and after, since a datagram in between may bring the device back to it.
 */
export async function endRegistration(device: DeviceRef, reason: string, ports: RouterPorts): Promise<void> {
  const state = await ports.devices.get(device);
  if (state !== undefined) await drop({ ...device, reason }, state.owner, ports);
  const nowMs = ports.clock();
  const outcome = await ports.devices.remove({ device, reason, nowMs });
  if (outcome.type === "notFound") return;
  const { registration, owner, outboxId } = outcome;
  const ended = lifecycleRecord({ event: "deregistered", registration, owner, atMs: nowMs, reason });
  await drop({ ...device, reason, ended, outboxId }, owner, ports);
}

async function drop(
  dropDevice: lwm2m.v1.DropDevice.$Properties & DeviceRef,
  { slot, bootId, epoch }: Owner,
  ports: RouterPorts,
): Promise<void> {
  if (bootId === "") return; // Nobody has it.
  await publishCommand(slot, dropDevice, ports, {
    bootId,
    deadlineMs: ports.clock() + COMMAND_DEADLINE_MS,
    ownerEpoch: epoch,
    attempt: 1,
    dropDevice,
  });
}

/** Ends the registrations of the devices that only a pattern admitted. */
export async function endRegistrationsOfFleet(
  tenant: string,
  prefix: string,
  reason: string,
  ports: RouterPorts,
): Promise<void> {
  let cursor: string | undefined;
  do {
    const page = await ports.devices.list({ tenant, limit: PAGE, ...(cursor === undefined ? {} : { cursor }) });
    for (const { registration } of page.devices) {
      const { endpoint } = registration;
      if (!endpoint.startsWith(prefix)) continue;
      const own = await ports.provisioning.get("device", tenant, endpoint);
      if (own === undefined) await endRegistration({ tenant, endpoint }, reason, ports);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
}
