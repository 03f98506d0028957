import type { DeviceRef, DeviceState } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";
import { publishCommand } from "./route-requests.ts";

/** How long a node may take to obey; what it misses it learns when the device is next confirmed or comes to another node. */
const COMMAND_DEADLINE_MS = 60_000;

/** Tells the node that has the device, if one has, to fetch what waits for it. */
export async function tellWorkWaits(
  { tenant, endpoint }: DeviceRef,
  state: DeviceState | undefined,
  ports: RouterPorts,
): Promise<void> {
  if (state === undefined || state.owner.bootId === "") return;
  const { slot, bootId, epoch } = state.owner;
  const device = { tenant, endpoint };
  await publishCommand(slot, device, ports, {
    bootId,
    deadlineMs: ports.clock() + COMMAND_DEADLINE_MS,
    ownerEpoch: epoch,
    attempt: 1,
    workWaits: device,
  });
}
