import { CONTENT_TYPE_HEADER, type ContentType, deviceKey, encodeRpcResponse, lwm2m, TOPICS } from "@ferry/proto";
import { type DeviceRef, namedEventId, shardOf } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";
import { publishFinished } from "./progress.ts";
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
  ports.failpoint("finished");
  ports.metrics.answers.with({ status: answer.status }).inc();
  // In this order: what is off the record must have its answer on Kafka, for a lost Redis has no other copy. If one fails, the sweeper publishes both.
  await publishResponse(device, response, contentType, ports);
  await publishFinished(request, ports);
  await ports.devices.settle(shardOf(device.tenant, device.endpoint), [outcome.outboxId]);
}

/** Encodes an answer as its request was encoded. */
export function encodeAnswer(
  { device: { tenant, endpoint }, requestId, contentType }: Finishing,
  { status, result, error }: Answer,
  nowMs: number,
  { nodeName }: RouterPorts,
  eventId: Uint8Array = namedEventId("rpc", tenant, endpoint, requestId),
): Uint8Array {
  const context = {
    eventId,
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
