import {
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  type ContentType,
  deviceKey,
  encodeRpcResponse,
  lwm2m,
  TOPICS,
} from "@ferry/proto";
import { type DeviceRef, namedEventId, shardOf } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";
import type { Answer } from "./route.ts";

/** A request whose answer is decided here. */
export interface Finishing {
  readonly device: DeviceRef;
  readonly requestId: string;
  readonly contentType: string;
}

/** Decides the final answer of an accepted request, once, and publishes it if it was the first. */
export async function finish(request: Finishing, answer: Answer, ports: RouterPorts): Promise<void> {
  const { device, requestId, contentType } = request;
  const nowMs = ports.clock();
  const response = encodeAnswer(request, answer, nowMs, ports);
  const outcome = await ports.devices.finish({ device, requestId, response, nowMs });
  if (outcome.type !== "won") return;
  ports.metrics.answers.with({ status: answer.status }).inc();
  await publishResponse(device, response, contentType, ports);
  // If this is lost, the sweeper publishes the same bytes once more.
  await ports.devices.settle(shardOf(device.tenant, device.endpoint), [outcome.outboxId]);
}

/** Encodes an answer as its request was encoded. */
export function encodeAnswer(
  { device: { tenant, endpoint }, requestId, contentType }: Finishing,
  { status, result, error }: Answer,
  nowMs: number,
  { nodeName }: RouterPorts,
): Uint8Array {
  const context = {
    eventId: namedEventId("rpc", tenant, endpoint, requestId),
    tenant,
    endpoint,
    node: nodeName,
    ingestTimeMs: nowMs,
  };
  const response = { context, requestId, status: lwm2m.v1.RpcFinalStatus[status], result, error };
  return encodeRpcResponse(response, contentType as ContentType); // The store holds what the router wrote.
}

/** Publishes a final answer that is encoded already. */
export function publishResponse(
  { tenant, endpoint }: DeviceRef,
  value: Uint8Array,
  contentType: string,
  { sender, settings }: RouterPorts,
): Promise<void> {
  return sender.publish({
    topic: settings.topicPrefix + TOPICS.rpcResponse.name,
    key: deviceKey(tenant, endpoint),
    value,
    headers: { [CONTENT_TYPE_HEADER]: contentType },
  });
}

/** Publishes that a request is taken and on its way to the device's queue. */
export function publishQueued(
  { device: { tenant, endpoint }, requestId }: Finishing,
  ports: RouterPorts,
): Promise<void> {
  const progress = lwm2m.v1.RpcProgress.RPC_PROGRESS_QUEUED;
  const eventId = namedEventId("rpc-status", tenant, endpoint, requestId, progress);
  const context = { eventId, tenant, endpoint, node: ports.nodeName, ingestTimeMs: ports.clock() };
  return ports.sender.publish({
    topic: ports.settings.topicPrefix + TOPICS.rpcStatus.name,
    key: deviceKey(tenant, endpoint),
    value: lwm2m.v1.RpcStatusRecord.encode({ context, requestId, progress }).finish(),
    headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.protobuf },
  });
}
