import type { DeviceRef, Owner } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";
import { publishCommand } from "./route-requests.ts";

/** How long a node may take to obey. */
const COMMAND_DEADLINE_MS = 60_000;
/** Registrations per page of a fleet. */
const PAGE = 200;

/**
 * Ends a device's registration, if it has one, and has its owner forget it. The lifecycle event goes through the outbox.
 *
 * The owner is told before, since a repeat after a failure no longer finds it in the store, and after, since a datagram in between may bring the device back to it.
 */
export async function endRegistration(device: DeviceRef, reason: string, ports: RouterPorts): Promise<void> {
  const state = await ports.devices.get(device);
  if (state !== undefined) await drop(device, state.owner, reason, ports);
  const outcome = await ports.devices.remove({ device, reason, nowMs: ports.clock() });
  if (outcome.type === "deregistered") await drop(device, outcome.owner, reason, ports);
}

async function drop(
  device: DeviceRef,
  { slot, bootId, epoch }: Owner,
  reason: string,
  ports: RouterPorts,
): Promise<void> {
  if (bootId === "") return; // Nobody has it.
  await publishCommand(slot, device, ports, {
    bootId,
    deadlineMs: ports.clock() + COMMAND_DEADLINE_MS,
    ownerEpoch: epoch,
    attempt: 1,
    dropDevice: { ...device, reason },
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
