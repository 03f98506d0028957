import { hash } from "node:crypto";
import { type IncomingRecord, RecordTooLargeError } from "@ferry/bus";
import {
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  deviceKey,
  lwm2m,
  type ParsedRpcRequest,
  parseRpcRequest,
  type RpcRequest,
  TOPICS,
  toSafeNumber,
} from "@ferry/proto";
import { findMethod } from "@ferry/rpc";
import { type DeviceRef, type DeviceState, namedEventId, type OpenRequest, type WaitingRequest } from "@ferry/state";
import { bury } from "./bury.ts";
import { encodeAnswer, finish, publishResponse } from "./finish.ts";
import { inOneLife } from "./one-life.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import { publishAccepted, publishProgress } from "./progress.ts";
import { isProvisioned } from "./provisioned.ts";
import { type Answer, displacedAnswer, route } from "./route.ts";

const { RPC_PROGRESS_QUEUED, RPC_PROGRESS_WAITING_FOR_DEVICE } = lwm2m.v1.RpcProgress;

/** An accepted request and whose it is. */
export interface Accepted extends OpenRequest {
  readonly device: DeviceRef;
}

/**
 * Routes one record of lwm2m.rpc.request.v1: it resolves once the request's state is stored and its command or answer is on the bus, and may be repeated
 * at any point before that. It rejects in an outage only: what fails otherwise would fail for ever, and becomes a dead letter.
 *
 * `onAccepted` is told of each request that now waits for an answer.
 */
export async function routeRequest(
  record: IncomingRecord,
  onAccepted: (request: Accepted) => void,
  ports: RouterPorts,
): Promise<void> {
  const startMs = ports.clock();
  const outcome = await routeOrBury(record, onAccepted, ports);
  ports.metrics.requests.with({ outcome }).inc();
  ports.metrics.routeSeconds.observe((ports.clock() - startMs) / 1000);
}

type Outcome = "routed" | "waiting" | "answered" | "repeated" | "invalid" | "failed";

async function routeOrBury(
  record: IncomingRecord,
  onAccepted: (request: Accepted) => void,
  ports: RouterPorts,
): Promise<Outcome> {
  const { topic, partition, offset, key, value, headers } = record;
  try {
    const parsed = parseRpcRequest(value ?? new Uint8Array(), headers[CONTENT_TYPE_HEADER], key);
    return parsed.type === "invalid" || isTooFarAhead(parsed.request, ports)
      ? await refuse(record, parsed, ports)
      : await accept(parsed, headers.traceparent ?? "", onAccepted, ports);
  } catch (error) {
    if (isOutage(error)) throw error;
    ports.logger.error({ err: error, topic, partition, offset }, "a request could not be routed");
    await bury(record, `it could not be routed: ${error}`, ports);
    return "failed";
  }
}

function isTooFarAhead({ expiresAtMs }: RpcRequest, { settings, clock }: RouterPorts): boolean {
  return expiresAtMs > clock() + settings.maxExpiryMs;
}

/** What cannot be routed becomes a dead letter; where a request id can be read, the caller is told. */
async function refuse(record: IncomingRecord, parsed: ParsedRpcRequest, ports: RouterPorts): Promise<Outcome> {
  const { settings, clock, logger } = ports;
  const { requestId, tenant, endpoint } = parsed.type === "invalid" ? parsed : parsed.request;
  const reason =
    parsed.type === "invalid"
      ? `${parsed.field} ${parsed.reason}`.trimStart()
      : `expiresAtMs is more than ${settings.maxExpiryMs} ms ahead, which is the most that a request may wait`;
  logger.debug(
    { topic: record.topic, partition: record.partition, offset: record.offset, reason },
    "request is not valid",
  );
  const published = [bury(record, reason, ports)];
  if (requestId !== undefined) {
    const request = { device: { tenant, endpoint }, requestId, contentType: parsed.contentType };
    const response = encodeAnswer(
      request,
      { status: "REJECTED", result: "BAD_REQUEST", error: reason },
      clock(),
      ports,
    );
    published.push(publishResponse(request.device, response, request.contentType, ports));
    ports.metrics.answers.with({ status: "REJECTED" }).inc();
  }
  await Promise.all(published);
  return "invalid";
}

async function accept(
  { request, contentType }: Extract<ParsedRpcRequest, { type: "request" }>,
  traceParent: string,
  onAccepted: (request: Accepted) => void,
  ports: RouterPorts,
): Promise<Outcome> {
  const { devices, settings, clock, failpoint } = ports;
  const { tenant, endpoint, requestId } = request;
  const device = { tenant, endpoint };
  const nowMs = clock();
  const expiresAtMs = request.expiresAtMs === 0 ? nowMs + (await expiryOf(device, ports)) : request.expiresAtMs;
  const open: Accepted = {
    device,
    requestId,
    request: lwm2m.v1.RpcRequest.encode({ ...request, expiresAtMs }).finish(),
    contentType,
    expiresAtMs,
    failFast: request.failFast,
    digest: digestOf(request),
  };
  const accepted = await devices.accept({ device, open, limit: settings.maxOpen, nowMs });
  switch (accepted.type) {
    case "finished":
      // Where the answer is remembered no more, whoever asked has had it for long.
      if (accepted.response !== undefined)
        await repeatAnswer({ ...open, contentType: accepted.contentType }, accepted.response, ports);
      return "repeated";
    case "open":
      await inOneLife(() => forwardAgain(accepted.open, accepted.state, ports), ports);
      return "repeated";
    case "conflict":
      return answerUnstored(open, "REJECTED", "BAD_REQUEST", otherRequest(requestId), ports);
    case "full":
      return answerUnstored(open, "UNREACHABLE", "", allSent(settings.maxOpen), ports);
    case "accepted": {
      failpoint("accepted");
      onAccepted(open);
      const displaced = displacedAnswer(settings.maxOpen);
      const handOver = async (): Promise<Outcome> => {
        const [outcome] = await Promise.all([
          forward(open, accepted.state, 1, traceParent, ports),
          publishProgress(open, RPC_PROGRESS_QUEUED, ports),
          ...accepted.displaced.map((each) => finish(each, displaced, ports)),
        ]);
        return outcome;
      };
      const outcome = await inOneLife(handOver, ports);
      failpoint("handed");
      return outcome;
    }
  }
}

/** How long a request lives that does not say so, ms: as the device's profile says, and no longer than any may. */
async function expiryOf(device: DeviceRef, ports: RouterPorts): Promise<number> {
  const { defaultExpiryMs, maxExpiryMs } = ports.settings;
  return Math.min((await ports.profileExpiries.of(device, ports)) ?? defaultExpiryMs, maxExpiryMs);
}

/** What makes a request another one under the same id: what is asked for, not for how long or how often. */
export function digestOf({ method, params }: Pick<RpcRequest, "method" | "params">): string {
  return hash("sha256", `${method}\n${params}`, "base64url");
}

function otherRequest(requestId: string): string {
  return `requestId ${requestId} was given to another request of this device, with another method or params: choose a new one`;
}

function allSent(limit: number): string {
  return `${limit} requests of the device were sent and have no answer yet: ask again later`;
}

/** Answers a request of which the store keeps nothing, under an event id of its own: its request id is, or may become, that of another. */
async function answerUnstored(
  request: Accepted,
  status: Answer["status"],
  result: string,
  error: string,
  ports: RouterPorts,
): Promise<Outcome> {
  const { device, requestId, digest = "", contentType } = request;
  const nowMs = ports.clock();
  const eventId = namedEventId("rpc-unstored", device.tenant, device.endpoint, requestId, digest, nowMs);
  await publishResponse(
    device,
    encodeAnswer(request, { status, result, error }, nowMs, ports, eventId),
    contentType,
    ports,
  );
  ports.metrics.answers.with({ status }).inc();
  return "answered";
}

const ANSWER_TOO_LARGE: Answer = {
  status: "FAILED",
  result: "",
  error: "The answer is too large for Kafka: ask for less at once, or raise the limit of record sizes",
};

/** Publishes the answer that a request got before; the store may hold a larger one than Kafka takes. */
async function repeatAnswer(request: Accepted, response: Uint8Array, ports: RouterPorts): Promise<void> {
  const { device, contentType } = request;
  try {
    await publishResponse(device, response, contentType, ports);
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) throw error;
    const instead = encodeAnswer(request, ANSWER_TOO_LARGE, ports.clock(), ports);
    await publishResponse(device, instead, contentType, ports);
  }
}

/**
 * A request that is open already: a repeat, or our own record once more because its router died before it had handed the request over. The node that has it
 * in hand ignores the second command, so it is safe to send one; what was dispatched is in a node's hands for certain.
 */
async function forwardAgain(open: WaitingRequest, state: DeviceState | undefined, ports: RouterPorts): Promise<void> {
  if (open.dispatchedBy === undefined && !open.displaced) await forward(open, state, 1, "", ports);
}

/** Sends an accepted request where `route` says. `attempt` counts the hand-overs of one request, from 1. */
async function forward(
  open: Accepted,
  state: DeviceState | undefined,
  attempt: number,
  traceParent: string,
  ports: RouterPorts,
): Promise<"routed" | "waiting" | "answered"> {
  const { nodes, clock } = ports;
  const request = lwm2m.v1.RpcRequest.decode(open.request);
  const expiresAtMs = toSafeNumber(request.expiresAtMs);
  const [node, provisioned] = await Promise.all([
    state === undefined ? undefined : nodes.get(state.owner.slot),
    state !== undefined || !request.persistent || isProvisioned(open.device, ports),
  ]);
  const next = route({ ...request, expiresAtMs }, state, node, provisioned, clock());
  if (next.to === "caller") {
    await finish(open, next.answer, ports);
    return "answered";
  }
  const recorded = publishAccepted(open, request, ports);
  if (next.to === "store") {
    await Promise.all([recorded, publishProgress(open, RPC_PROGRESS_WAITING_FOR_DEVICE, ports)]);
    return "waiting";
  }
  // What must not run twice is on record before any node can finish it; else the record may come last, and what is done would be done again.
  if (findMethod(request.method)?.sideEffect === "atMostOnce") await recorded;
  try {
    const handed = publishCommand(next.slot, open.device, ports, {
      bootId: next.bootId,
      deadlineMs: expiresAtMs,
      ownerEpoch: next.epoch,
      attempt,
      perform: { request, contentType: open.contentType, traceParent },
    });
    await Promise.all([handed, recorded]);
    return "routed";
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) throw error;
    await finish(open, REQUEST_TOO_LARGE, ports);
    return "answered";
  }
}

const REQUEST_TOO_LARGE: Answer = {
  status: "REJECTED",
  result: "BAD_REQUEST",
  error: "The request is too large to be handed to the device's node",
};

/** Publishes a command to the node at `slot`: the partition is the slot. */
export function publishCommand(
  slot: number,
  { tenant, endpoint }: DeviceRef,
  { sender, settings }: RouterPorts,
  command: lwm2m.v1.NodeCommand.$Properties,
): Promise<void> {
  return sender.publish({
    topic: settings.topicPrefix + TOPICS.nodeCommand.name,
    key: deviceKey(tenant, endpoint),
    partition: slot,
    value: lwm2m.v1.NodeCommand.encode(command).finish(),
    headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.protobuf },
  });
}
