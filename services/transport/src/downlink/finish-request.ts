import { encodeRpcResponse, lwm2m, toWireNode } from "@ferry/proto";
import { type DeviceRef, type FinishOutcome, namedEventId, StateUnavailableError, shardOf } from "@ferry/state";
import type { TransportPorts } from "../ports.ts";
import type { RecordWriter } from "../record-writer.ts";
import { type Answer, answer } from "./answer.ts";
import type { RequestRef } from "./rpc-request.ts";

/** Largest answer, bytes: brokers take records of 1 MiB, headers included. */
const MAX_RESPONSE_BYTES = 1_000_000;

/** A final answer as its record holds it. */
export interface EncodedAnswer {
  readonly request: RequestRef;
  readonly status: Answer["status"];
  readonly response: Uint8Array;
}

/** Encodes the final answer of a request; one that is too large for a record is FAILED instead. */
export function encodeAnswer(request: RequestRef, given: Answer, ports: TransportPorts): EncodedAnswer {
  const response = encode(request, given, ports);
  if (response.length <= MAX_RESPONSE_BYTES) return { request, status: given.status, response };
  const error = `The answer has ${response.length} bytes, more than the ${MAX_RESPONSE_BYTES} that a record may have: read less at a time`;
  const failed = { ...answer("FAILED", error), code: given.code };
  return { request, status: failed.status, response: encode(request, failed, ports) };
}

/**
 * Decides the final answer of a request, once, and publishes it if it was the first. False when the store could not be asked, or may have lost the request:
 * it is still open, or will be.
 */
export async function finishRequest(
  { request, status, response }: EncodedAnswer,
  ports: TransportPorts,
): Promise<boolean> {
  const { devices, records, outbox, clock, storeWatch, metrics, stateEpisode, unpublished, failpoint } = ports;
  const { requestId } = request;
  const finish = (): Promise<FinishOutcome> =>
    devices.finish({ device: request, requestId, response, nowMs: clock.wallMs() });
  try {
    let outcome = await finish();
    if (outcome.type === "unknown") {
      if (!(await storeWatch.areRequestsRestored())) return false;
      outcome = await finish(); // It may have been restored between.
    }
    if (outcome.type !== "won") {
      // What this node put on record after another's answer would outlive it.
      if (outcome.type === "lost") void takeOffRecord(request, requestId, records).catch(unpublished);
      return true;
    }
    failpoint("finished");
    metrics.rpc.with({ status }).inc();
    const { outboxId } = outcome;
    const settle = (): void => outbox.settle(shardOf(request.tenant, request.endpoint), outboxId);
    await records.response(request, response, request.contentType);
    void takeOffRecord(request, requestId, records).then(settle, unpublished); // What waits for this request to be through need not wait for it.
    return true;
  } catch (failure) {
    if (failure instanceof StateUnavailableError) {
      stateEpisode.failed(failure);
      return false;
    }
    unpublished(failure); // The sweeper publishes what was decided.
    return true;
  }
}

/**
 * Publishes a final answer and then, that its request is off the record: what is off the record must have its answer on Kafka, for a lost Redis has no other
 * copy. Until Kafka has both, the outbox keeps the answer.
 */
export async function publishFinal(
  device: DeviceRef,
  requestId: string,
  response: Uint8Array,
  contentType: string,
  records: RecordWriter,
): Promise<void> {
  await records.response(device, response, contentType);
  await takeOffRecord(device, requestId, records);
}

function takeOffRecord(device: DeviceRef, requestId: string, records: RecordWriter): Promise<void> {
  return records.rpcState(device, requestId, undefined);
}

function encode(
  { tenant, endpoint, requestId, contentType }: RequestRef,
  { status, result, code, value, error, nodes }: Answer,
  { node, clock }: TransportPorts,
): Uint8Array {
  const eventId = namedEventId("rpc", tenant, endpoint, requestId);
  return encodeRpcResponse(
    {
      context: { eventId, tenant, endpoint, bootId: node.bootId, ingestTimeMs: clock.wallMs() },
      requestId,
      status: lwm2m.v1.RpcFinalStatus[status],
      result,
      code,
      ...(value === undefined ? {} : { value }),
      ...(error === undefined ? {} : { error }),
      nodes: nodes.map(({ path, node: read }) => toWireNode(path, read)),
    },
    contentType,
  );
}
