import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE, lwm2m, toSafeNumber } from "@ferry/proto";
import { StateUnavailableError, shardOf } from "@ferry/state";
import type { RpcExecutor } from "./downlink/accept-rpc.ts";
import { publishStored } from "./lifecycle.ts";
import type { TransportPorts } from "./ports.ts";
import { readOwnerAnswer, releaseAssociation } from "./secure/ask-owner.ts";
import { recheckDevice } from "./secure/recheck-credentials.ts";
import { serveWaiting } from "./sleepers.ts";

/** Obeys a record of this node's partition of node-command. What is meant for another life of the slot, or came too late, is ignored and counted. */
export function obeyCommand(record: IncomingRecord, rpc: RpcExecutor, ports: TransportPorts): void {
  const command = decode(record, ports);
  if (command === undefined) return;
  const { bootId, deadlineMs, ownerEpoch } = command;
  const late = ports.clock.wallMs() > toSafeNumber(deadlineMs);
  if (late || (bootId !== "" && bootId !== ports.node.bootId)) {
    ports.metrics.ignoredCommands.inc();
    return;
  }

  if (command.perform?.request) rpc.accept(command.perform.request, command.perform.contentType ?? "");
  else if (command.ownerMoved) {
    if (dropIfOlder(command.ownerMoved, toSafeNumber(ownerEpoch), ports)) forgetAssociation(command.ownerMoved, ports);
  } else if (command.dropDevice) {
    dropIfOlder(command.dropDevice, Number.POSITIVE_INFINITY, ports);
    recheck(command.dropDevice, ports);
    void publishEnd(command.dropDevice, ports);
  } else if (command.forwardedResponse) {
    const { peer, datagram } = command.forwardedResponse;
    if (peer && datagram) ports.coap.receive(datagram, peer);
  } else if (command.releaseAssociation) {
    releaseAssociation(command.releaseAssociation, ports);
  } else if (command.associationReleased) {
    const { question } = command.associationReleased;
    ports.ownerQuestions.answered(question ?? 0, readOwnerAnswer(command.associationReleased));
  } else if (command.workWaits) {
    const device = ports.ownership.byDevice(command.workWaits.tenant ?? "", command.workWaits.endpoint ?? "");
    if (device !== undefined) {
      device.requestsWait = true;
      device.valuesWait = true;
      serveWaiting(device, ports);
    }
  } else ports.metrics.ignoredCommands.inc();
}

function decode({ value }: IncomingRecord, ports: TransportPorts): lwm2m.v1.NodeCommand | undefined {
  if (value === null) return undefined;
  try {
    return lwm2m.v1.NodeCommand.decode(value);
  } catch (error) {
    // protobufjs throws Error, RangeError and TypeError for bytes that are no message.
    ports.logger.warn({ err: error }, "A node command could not be decoded");
    ports.metrics.ignoredCommands.inc();
    return undefined;
  }
}

/** Another node has the device now, or nobody is to have it; true when it was here. */
function dropIfOlder(
  device: { tenant?: string | null; endpoint?: string | null; registrationId?: string | null },
  epoch: number,
  { ownership }: TransportPorts,
): boolean {
  const known = ownership.byDevice(device.tenant ?? "", device.endpoint ?? "");
  if (known === undefined || known.owner.epoch >= epoch) return false;
  ownership.drop(known, device.registrationId ?? "");
  return true;
}

/** The device's association is where the device is: should it come back, the store has it. */
function forgetAssociation({ tenant, endpoint }: lwm2m.v1.OwnerMoved.$Properties, { dtls }: TransportPorts): void {
  const device = { tenant: tenant ?? "", endpoint: endpoint ?? "" };
  const peer = dtls?.byDevice(device);
  const known = peer === undefined ? undefined : dtls?.peer(peer);
  // The command names no stamp. One that comes late, when the device is back and its association was claimed here anew, ends that too: it costs one more claim.
  if (known !== undefined) dtls?.release({ device, id: known.association, stamp: Number.POSITIVE_INFINITY }, undefined);
}

/** A device that is not declared any more, or not so, is not to stay connected. */
function recheck({ tenant, endpoint }: lwm2m.v1.DropDevice.$Properties, ports: TransportPorts): void {
  recheckDevice({ tenant: tenant ?? "", endpoint: endpoint ?? "" }, ports).catch((error: unknown) => {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
  });
}

/** Tells of an end that the router made. What fails stays in the outbox, for the sweeper. */
async function publishEnd(dropped: lwm2m.v1.DropDevice.$Properties, ports: TransportPorts): Promise<void> {
  const { tenant = "", endpoint = "", ended, outboxId: id } = dropped as lwm2m.v1.DropDevice;
  if (!ended || id === "") return;
  const device = { tenant, endpoint };
  const shard = shardOf(tenant, endpoint);
  const value = lwm2m.v1.LifecycleRecord.encode(ended).finish();
  try {
    await publishStored({ id, shard, kind: "lifecycle", device, contentType: CONTENT_TYPE.protobuf, value }, ports);
    ports.outbox.settle(shard, id);
  } catch (error) {
    if (error instanceof StateUnavailableError) ports.stateEpisode.failed(error);
    else ports.unpublished(error);
  }
}
