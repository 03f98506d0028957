import { CONTENT_TYPE, CONTENT_TYPE_HEADER, deviceKey, lwm2m, rpcStateKey, TOPICS } from "@ferry/proto";
import { type DeviceRef, namedEventId } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";

/** A request whose progress is told. */
interface Progressing {
  readonly device: DeviceRef;
  readonly requestId: string;
  readonly contentType: string;
}

const HEADERS = { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.protobuf };

/** Publishes how far a request is. */
export function publishProgress(
  { device: { tenant, endpoint }, requestId }: Progressing,
  progress: lwm2m.v1.RpcProgress,
  { sender, settings, nodeName, clock }: RouterPorts,
): Promise<void> {
  const eventId = namedEventId("rpc-status", tenant, endpoint, requestId, progress);
  const context = { eventId, tenant, endpoint, node: nodeName, ingestTimeMs: clock() };
  return sender.publish({
    topic: settings.topicPrefix + TOPICS.rpcStatus.name,
    key: deviceKey(tenant, endpoint),
    value: lwm2m.v1.RpcStatusRecord.encode({ context, requestId, progress }).finish(),
    headers: HEADERS,
  });
}

/** Puts an accepted request on record, so that a lost Redis can be rebuilt. */
export function publishAccepted(
  progressing: Progressing,
  request: lwm2m.v1.RpcRequest.$Properties,
  ports: RouterPorts,
): Promise<void> {
  const { contentType } = progressing;
  const record = { request, contentType, state: lwm2m.v1.RpcState.RPC_STATE_ACCEPTED };
  return publishState(progressing, lwm2m.v1.RpcStateRecord.encode(record).finish(), ports);
}

/** Takes a request that has its final answer off the record. */
export function publishFinished(progressing: Progressing, ports: RouterPorts): Promise<void> {
  return publishState(progressing, null, ports);
}

function publishState(
  { device: { tenant, endpoint }, requestId }: Progressing,
  value: Uint8Array | null,
  { sender, settings }: RouterPorts,
): Promise<void> {
  return sender.publish({
    topic: settings.topicPrefix + TOPICS.rpcState.name,
    key: rpcStateKey(tenant, endpoint, requestId),
    value,
    headers: HEADERS,
  });
}
