import { CODE, codeClass, type FailureReason, OPTION, type Received, readUintOption } from "@ferry/coap";
import {
  flattenNode,
  formatPath,
  fromCoapResponse,
  Lwm2mError,
  type Operation,
  type OperationOutcome,
  operationPaths,
  type TimedValue,
  toCoapRequest,
  UndecodableContentError,
} from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import { requestName, resultName } from "@ferry/rpc";
import { namedEventId, requestToken, shardOf } from "@ferry/state";
import { logLine } from "../communication-log.ts";
import { decodeReported, reportedFormat } from "../decode-reported.ts";
import { hear } from "../hear.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable, requestBounds, requestTimeoutMs } from "../reachability.ts";
import { nextHead } from "../record-writer.ts";
import { versionedPaths } from "../serving.ts";
import { publishValues } from "../telemetry.ts";
import { undecodableRecord } from "../uplink/undecodable.ts";
import { formatsToTry, refusalOf } from "./formats.ts";

/** How an operation ended. */
export type Performed =
  | { readonly type: "answered"; readonly outcome: OperationOutcome }
  /**
   * The device answered what makes no sense, or what was asked cannot be encoded; `error` says what. `kept`: what was good of its values is published
   * nevertheless, or it holds the observation.
   */
  | { readonly type: "invalid"; readonly error: Lwm2mError; readonly kept?: boolean }
  | { readonly type: "failed"; readonly reason: Exclude<FailureReason, "unsent"> }
  /** As far as is known the device did not get it: nothing was sent, or the device slept. */
  | { readonly type: "unreachable" };

/** How an operation is carried out. */
export interface PerformOptions {
  /** Token of the observation to make; a request's own otherwise. */
  readonly token?: Uint8Array;
  /** Content-Format that whoever asks wants; else the best that the device is known to take. */
  readonly format?: number;
  /** When nobody waits for the answer any more, monotonic ms; all attempts together end by then. As long as the device may take when absent. */
  readonly deadlineMs?: number;
  /** The first datagram leaves by then, monotonic ms, or never. */
  readonly sendByMs?: number;
  /** Called when a datagram has left. */
  readonly onSent?: () => void;
}

/** The token of a request of this node to a device. */
export function tokenFor(device: OwnedDevice, ports: TransportPorts): Uint8Array {
  return requestToken(shardOf(device.tenant, device.endpoint), ports.node.slot, ports.random);
}

/**
 * Carries out an operation on a device: one request, and again in another Content-Format when the device refuses that of the first (4.06, 4.15).
 *
 * Call it from the device's work queue. Values of the answer, and values that the device accepted, are published on the way.
 */
export async function perform(
  device: OwnedDevice,
  operation: Operation,
  options: PerformOptions,
  ports: TransportPorts,
): Promise<Performed> {
  if (!isReachable(device, ports.settings, ports.clock.monotonicMs())) return { type: "unreachable" };
  const formats =
    options.format === undefined ? formatsToTry(operation, device.serving, device.refusedFormats) : [options.format];
  let performed: Performed = { type: "unreachable" };
  let { sendByMs = Number.POSITIVE_INFINITY } = options;
  for (const format of formats) {
    const { peer } = device;
    const bounded = { ...options, sendByMs };
    performed = await attempt(device, operation, format, bounded, ports);
    // Once more when the device had left the address that the first went to. What does something each time may have been carried out there: it is not sent twice.
    const moved = performed.type === "failed" && performed.reason === "cancelled" && device.peer !== peer;
    if (moved && isRepeatable(operation)) performed = await attempt(device, operation, format, bounded, ports);
    sendByMs = Number.POSITIVE_INFINITY; // It has left.
    if (performed.type !== "answered" || !REFUSED_FORMAT.has(performed.outcome.code)) return performed;
    device.refusedFormats ??= new Set();
    device.refusedFormats.add(refusalOf(operation, format));
  }
  return performed;
}

/** Whether sending it a second time does no more than sending it once. */
export function isRepeatable({ type }: Operation): boolean {
  return type !== "execute" && type !== "create" && type !== "delete";
}

/** 4.06 Not Acceptable, 4.15 Unsupported Content-Format. */
const REFUSED_FORMAT: ReadonlySet<number> = new Set([406, 415]);

async function attempt(
  device: OwnedDevice,
  operation: Operation,
  format: number,
  options: PerformOptions,
  ports: TransportPorts,
): Promise<Performed> {
  const name = requestName(operation);
  const path = operationPaths(operation).map(formatPath).join(", ");
  const id = versionedPaths(operationPaths(operation), device.serving.supported);
  let kept = false;
  try {
    const request = toCoapRequest(operation, { format, rootPath: device.serving.supported.rootPath });
    const { deadlineMs = Number.POSITIVE_INFINITY, sendByMs = Number.POSITIVE_INFINITY, onSent } = options;
    const askedAtMs = ports.clock.monotonicMs();
    const patienceMs = deadlineMs - askedAtMs;
    if (patienceMs <= 0) return { type: "failed", reason: "timeout" };
    const deviceTakesMs = requestTimeoutMs(device.serving.power);
    // Given up when the device wakes and may not have heard it, registers anew or is another node's: what is repeatable is asked anew then.
    const repeatable = isRepeatable(operation);
    const bounds = requestBounds(device, ports.settings, askedAtMs);
    let left = false;
    let isGivenUp = false;
    let giveUp = (): void => {};
    const underWay = {
      repeatable,
      abort: () => {
        isGivenUp = true;
        giveUp();
      },
    };
    device.underWay = underWay; // Before it is sent: the association may turn out to have ended at that.
    const own = ports.coap.request({
      peer: device.peer,
      ...request,
      token: options.token ?? tokenFor(device, ports),
      responseTimeoutMs: ports.settings.responseTimeoutMs,
      ...bounds,
      sendByMs: Math.min(sendByMs, bounds.sendByMs),
      giveUpAfterMs: Math.min(patienceMs, deviceTakesMs),
      onSent: () => {
        left = true;
        onSent?.();
      },
    });
    giveUp = own.giveUp;
    logLine(
      device,
      `[${device.registration.registrationId}][/${device.address}] Sending request: ${name} to ${path}`,
      ports,
      "full",
    );
    const result = await own.answered;
    if (device.underWay === underWay) device.underWay = undefined;
    if (result.type === "failed") {
      const isCancelled = isGivenUp && !repeatable;
      const reason = isCancelled ? "cancelled" : result.reason === "givenUp" ? "timeout" : result.reason;
      ports.metrics.operations.with({ operation: operation.type, outcome: reason }).inc();
      if (reason === "unsent" || (reason === "timeout" && !left) || (repeatable && isGivenUp))
        return { type: "unreachable" };
      if (reason === "timeout" && device.lastUplinkMs <= askedAtMs) {
        // That nobody waits any more says nothing of the device.
        const isImpatient = result.reason === "givenUp" && patienceMs < deviceTakesMs;
        if (!isImpatient) ports.sleepers.fallAsleep(device);
        if (!isReachable(device, ports.settings, ports.clock.monotonicMs())) return { type: "unreachable" };
      }
      logLine(device, `[error]: Request [${id}] processing failed. Reason: ${reason}`, ports);
      return { type: "failed", reason };
    }
    hear(device, result.response.peer, ports);
    kept = publishRead(device, operation, result.response, ports);
    const outcome = fromCoapResponse(
      operation,
      result.response,
      device.serving.models,
      ports.clock.wallMs(),
      device.serving.supported.rootPath,
    );
    ports.metrics.operations
      .with({ operation: operation.type, outcome: outcome.code < 300 ? "success" : "refused" })
      .inc();
    const level = outcome.code <= 205 ? "full" : "summary";
    logLine(device, `${summaryOf(outcome, name, id)}. Result: ${resultText(outcome)}`, ports, level);
    if (codeClass(result.response.code) === 2) publishWritten(device, operation, outcome, result.response, ports);
    return { type: "answered", outcome };
  } catch (error) {
    if (!(error instanceof Lwm2mError)) throw error;
    ports.metrics.operations.with({ operation: operation.type, outcome: "invalid" }).inc();
    logLine(device, `[error]: Request [${id}] validation failed. Reason: ${error.message}`, ports);
    return kept ? { type: "invalid", error, kept } : { type: "invalid", error };
  }
}

function summaryOf({ code }: OperationOutcome, name: string, id: string): string {
  return code <= 205 ? `[info]: ${name} [${id}] successful` : `[error]: ${name} [${id}] failed to process successful`;
}

/** The code of an answer with what the device said beside it. */
function resultText({ code, links, diagnostic }: OperationOutcome): string {
  return [resultName(code), links ?? diagnostic ?? ""].join(" ").trimEnd();
}

/**
 * Publishes the values of an answer; what is wrong with the others is told, as of a notification. Those of an Observe answered by a CON are published as
 * those of the notification that it may be. Answers whether there is something to keep: good values, or an observation that the device holds.
 */
function publishRead(device: OwnedDevice, operation: Operation, response: Received, ports: TransportPorts): boolean {
  if (response.code !== CODE.CONTENT || !READS.has(operation.type)) return false;
  const observing = readUintOption(response.options, OPTION.OBSERVE) !== undefined;
  const observes = operation.type === "observe" || operation.type === "observeComposite";
  if (observes && response.confirmable) return observing;

  const nowMs = ports.clock.wallMs();
  const eventId = answerId(device, response, nowMs, ports);
  const paths = operationPaths(operation);
  const composite = !("path" in operation);
  const tell = (reason: string): void => {
    ports.metrics.undecodable.inc();
    const contentFormat = reportedFormat(response, paths, composite, device.serving);
    const path = composite ? [] : operation.path;
    const record = undecodableRecord(reason, { payload: response.payload, path, contentFormat });
    void ports.records.lifecycle(nextHead(device, eventId, nowMs), record).catch(ports.unpublished);
  };
  try {
    const { values, faults } = decodeReported(response, paths, composite, device.serving, nowMs);
    publish(device, operation, values, lwm2m.v1.ValueSource.VALUE_SOURCE_READ, { eventId, nowMs }, ports);
    if (faults.length > 0) tell(faults.join("; "));
    return values.length > 0 || (observes && observing);
  } catch (error) {
    if (!(error instanceof UndecodableContentError)) throw error;
    tell(error.message);
    return observes && observing;
  }
}

const READS: ReadonlySet<Operation["type"]> = new Set(["read", "readComposite", "observe", "observeComposite"]);

/** Publishes the values that the device accepted. */
function publishWritten(
  device: OwnedDevice,
  operation: Operation,
  outcome: OperationOutcome,
  response: Received,
  ports: TransportPorts,
): void {
  const values = writtenValues(operation, outcome);
  if (values.length === 0) return;
  const nowMs = ports.clock.wallMs();
  const eventId = answerId(device, response, nowMs, ports);
  publish(device, operation, values, lwm2m.v1.ValueSource.VALUE_SOURCE_WRITE, { eventId, nowMs }, ports);
}

function publish(
  device: OwnedDevice,
  operation: Operation,
  values: readonly TimedValue[],
  source: lwm2m.v1.ValueSource,
  { eventId, nowMs }: { readonly eventId: Uint8Array; readonly nowMs: number },
  ports: TransportPorts,
): void {
  const origin = { eventId, stale: false, partial: isPartial(operation), nowMs, source };
  void publishValues(device, values, origin, ports)?.catch(ports.unpublished);
}

function answerId({ registration }: OwnedDevice, response: Received, nowMs: number, ports: TransportPorts): Uint8Array {
  const { tenant, endpoint, registrationId } = registration;
  const token = Buffer.from(response.token).toString("hex");
  return namedEventId(tenant, endpoint, registrationId, ports.node.bootId, response.messageId, token, nowMs);
}

/** The values that the device took. Of an Object Instance whose id it did not tell nobody knows where they are. */
function writtenValues(operation: Operation, { location }: OperationOutcome): readonly TimedValue[] {
  switch (operation.type) {
    case "write":
      return flattenNode(operation.path, operation.node);
    case "writeComposite":
      return operation.nodes.flatMap(({ path, node }) => flattenNode(path, node));
    case "create": {
      const [objectId = Number.NaN, pathId] = operation.path;
      const told = instanceAt(location);
      return operation.instances.flatMap(({ id = pathId ?? told, resources }) =>
        id === undefined ? [] : flattenNode([objectId, id], { type: "objectInstance", id, resources }),
      );
    }
    default:
      return [];
  }
}

/** Id of the Object Instance at `19/1`, if it is one. */
function instanceAt(location = ""): number | undefined {
  const id = /^\d+\/(\d{1,5})$/.exec(location)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Whether a map of resource instances among the values may lack some that the device has. */
function isPartial(operation: Operation): boolean {
  const isUpdate = operation.type === "write" && operation.mode === "update";
  return isUpdate || operationPaths(operation).some((path) => path.length === 4);
}
