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
import {
  ANSWER_MEMORY_MS,
  type DeviceRef,
  type DeviceState,
  MAX_IN_HAND,
  namedEventId,
  type OpenRequest,
  type WaitingRequest,
} from "@ferry/state";
import { bury } from "./bury.ts";
import { encodeAnswer, type Finishing, finish, publishResponse } from "./finish.ts";
import { inOneLife } from "./one-life.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import { publishAccepted, publishFinished, publishProgress } from "./progress.ts";
import { isProvisioned } from "./provisioned.ts";
import { type Answer, displacedAnswer, fullAnswer, route } from "./route.ts";

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
    if (parsed.type === "invalid") {
      return await refuse(record, parsed, `${parsed.field} ${parsed.reason}`.trimStart(), ports);
    }
    const { request, contentType } = parsed;
    return isTooFarAhead(request, record, ports)
      ? await refuse(record, { ...request, contentType }, tooFarAhead(ports.settings.maxExpiryMs), ports)
      : await accept(record, parsed, onAccepted, ports);
  } catch (error) {
    if (isOutage(error)) throw error;
    ports.logger.error({ err: error, topic, partition, offset }, "a request could not be routed");
    await bury(record, `it could not be routed: ${error}`, ports);
    return "failed";
  }
}

/** How far the clocks of those who ask may be off, ms: a redelivery that comes when its answer is forgotten must find its request lapsed. */
const CLOCK_TOLERANCE_MS = ANSWER_MEMORY_MS / 2;

/** Judged by when it was asked, so that a redelivery is judged alike; and by our clock, for what waits must be bounded. */
function isTooFarAhead({ expiresAtMs }: RpcRequest, record: IncomingRecord, { settings, clock }: RouterPorts): boolean {
  const nowMs = clock();
  const askedMs = Math.min(askedAt(record, nowMs), nowMs + CLOCK_TOLERANCE_MS);
  return expiresAtMs > askedMs + settings.maxExpiryMs;
}

/** When it was asked, ms since 1970, by the clock of who asked or of the broker; 0 or -1 where neither said so. */
function askedAt({ timestampMs }: IncomingRecord, nowMs: number): number {
  return timestampMs > 0 ? timestampMs : nowMs;
}

function tooFarAhead(maxExpiryMs: number): string {
  return `expiresAtMs is more than ${maxExpiryMs} ms ahead, which is the most that a request may wait`;
}

/** What is known of a request that cannot be routed. */
type Refused = DeviceRef & { readonly requestId: string | undefined; readonly contentType: string };

/** What cannot be routed becomes a dead letter; where a request id can be read, the caller is told. */
async function refuse(
  record: IncomingRecord,
  { requestId, tenant, endpoint, contentType }: Refused,
  reason: string,
  ports: RouterPorts,
): Promise<Outcome> {
  const { topic, partition, offset } = record;
  ports.logger.debug({ topic, partition, offset, reason }, "request is not valid");
  const answer: Answer = { status: "REJECTED", result: "BAD_REQUEST", error: reason };
  const request = requestId === undefined ? undefined : { device: { tenant, endpoint }, requestId, contentType };
  await Promise.all([bury(record, reason, ports), request && answerUnstored(record, request, answer, ports)]);
  return "invalid";
}

async function accept(
  record: IncomingRecord,
  { request, contentType }: Extract<ParsedRpcRequest, { type: "request" }>,
  onAccepted: (request: Accepted) => void,
  ports: RouterPorts,
): Promise<Outcome> {
  const { devices, settings, clock, failpoint } = ports;
  const { tenant, endpoint, requestId } = request;
  const device = { tenant, endpoint };
  const nowMs = clock();
  const expiresAtMs = request.expiresAtMs || firstSeen(record, nowMs) + (await expiryOf(device, ports));
  const open: Accepted = {
    device,
    requestId,
    request: lwm2m.v1.RpcRequest.encode({ ...request, expiresAtMs }).finish(),
    contentType,
    expiresAtMs,
    failFast: request.failFast,
    digest: digestOf(request),
  };
  const acceptance = { device, open, limit: settings.maxOpen, inHand: MAX_IN_HAND, nowMs };
  const accepted = await devices.accept(acceptance);
  switch (accepted.type) {
    case "finished":
      await repeatEnd({ ...open, contentType: accepted.contentType }, accepted.response, ports);
      return "repeated";
    case "open": {
      const handOverAgain = async (): Promise<void> => {
        if ((await forwardAgain(accepted.open, accepted.state, ports)) === "answered") return;
        // Who finished it meanwhile may have taken it off the record before it was put there once more; or may not have published the answer yet.
        const now = await devices.accept({ ...acceptance, nowMs: clock() });
        if (now.type === "finished") await repeatEnd({ ...open, contentType: now.contentType }, now.response, ports);
      };
      await inOneLife(handOverAgain, ports, needsOf(open, accepted.state, nowMs));
      return "repeated";
    }
    case "conflict":
      await answerUnstored(record, open, otherRequest(requestId), ports);
      return "answered";
    case "full":
      await inOneLife(() => finish(open, fullAnswer(settings.maxOpen), ports), ports, "requests");
      return "answered";
    case "accepted": {
      failpoint("accepted");
      onAccepted(open);
      const displaced = displacedAnswer(settings.maxOpen);
      const handOver = async (): Promise<Outcome> => {
        const [outcome] = await Promise.all([
          forward(open, accepted.state, { traceParent: record.headers.traceparent ?? "", isFirst: true }, ports),
          ...accepted.displaced.map((each) => finish(each, displaced, ports)),
        ]);
        return outcome;
      };
      const outcome = await inOneLife(handOver, ports, needsOf(open, accepted.state, nowMs));
      failpoint("handed");
      return outcome;
    }
  }
}

/** What of a lost store must be there again: the device too where its absence would be the answer. */
function needsOf(
  { expiresAtMs, failFast }: Accepted,
  state: DeviceState | undefined,
  nowMs: number,
): "requests" | "all" {
  const isAbsent = state === undefined || nowMs >= state.registration.expiresAtMs;
  return nowMs < expiresAtMs && (isAbsent || failFast) ? "all" : "requests";
}

/** From when a request lives that does not say how long, ms since 1970: from now, unless it is a redelivery of long ago. */
function firstSeen(record: IncomingRecord, nowMs: number): number {
  return Math.min(nowMs, askedAt(record, nowMs) + CLOCK_TOLERANCE_MS);
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

function otherRequest(requestId: string): Answer {
  const error = `requestId ${requestId} was given to another request of this device, with another method or params: choose a new one`;
  return { status: "REJECTED", result: "BAD_REQUEST", error };
}

/** Answers a record of which the store keeps nothing, under an event id of its own: its request id is, or may become, that of another. */
async function answerUnstored(
  { topic, partition, offset }: IncomingRecord,
  request: Finishing,
  answer: Answer,
  ports: RouterPorts,
): Promise<void> {
  const { device, requestId, contentType } = request;
  // A redelivery has the same one.
  const eventId = namedEventId("rpc-unstored", topic, partition, offset, device.tenant, device.endpoint, requestId);
  await publishResponse(device, encodeAnswer(request, answer, ports.clock(), ports, eventId), contentType, ports);
  ports.metrics.answers.with({ status: answer.status }).inc();
}

const ANSWER_TOO_LARGE: Answer = {
  status: "FAILED",
  result: "",
  error: "The answer is too large for Kafka: ask for less at once, or raise the limit of record sizes",
};

/** Publishes once more how a request ended, as long as that is remembered; later, whoever asked has had it for long. */
async function repeatEnd(request: Finishing, response: Uint8Array | undefined, ports: RouterPorts): Promise<void> {
  if (response === undefined) return;
  await repeatAnswer(request, response, ports);
  await publishFinished(request, ports);
}

/** The store may hold a larger answer than Kafka takes. */
async function repeatAnswer(request: Finishing, response: Uint8Array, ports: RouterPorts): Promise<void> {
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
async function forwardAgain(
  open: WaitingRequest,
  state: DeviceState | undefined,
  ports: RouterPorts,
): Promise<"routed" | "waiting" | "answered" | undefined> {
  if (open.dispatchedBy !== undefined || open.displaced) return undefined;
  return forward(open, state, { traceParent: "", isFirst: false }, ports);
}

/** Sends an accepted request where `route` says. `isFirst`: for the first time, so it is QUEUED. */
async function forward(
  open: Accepted,
  state: DeviceState | undefined,
  { traceParent, isFirst }: { readonly traceParent: string; readonly isFirst: boolean },
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
  // QUEUED leaves before what can be followed by SENT.
  const queued = isFirst ? publishProgress(open, RPC_PROGRESS_QUEUED, ports) : undefined;
  const noted = [queued, publishAccepted(open, request, ports)];
  try {
    if (next.to === "store") {
      await Promise.all([...noted, publishProgress(open, RPC_PROGRESS_WAITING_FOR_DEVICE, ports)]);
      return "waiting";
    }
    // What must not run twice is on record before any node can finish it; else the record may come last, and what is done would be done again.
    if (findMethod(request.method)?.sideEffect === "atMostOnce") await Promise.all(noted);
    const handed = publishCommand(next.slot, open.device, ports, {
      bootId: next.bootId,
      deadlineMs: expiresAtMs,
      ownerEpoch: next.epoch,
      attempt: 1,
      perform: { request, contentType: open.contentType, traceParent },
    });
    await Promise.all([...noted, handed]);
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
