import { CODE, codeClass, type FailureReason, OPTION, type Received, readUintOption } from "@ferry/coap";
import {
  assumedFormat,
  chooseFormat,
  decodeTimedValues,
  flattenNode,
  formatPath,
  formatVersionedPath,
  fromCoapResponse,
  Lwm2mError,
  type Operation,
  type OperationOutcome,
  operationPaths,
  preferredFormats,
  toCoapRequest,
} from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import { requestName, resultName } from "@ferry/rpc";
import { namedEventId, requestToken, shardOf } from "@ferry/state";
import { logLine } from "../communication-log.ts";
import { hear } from "../hear.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable, requestTimeoutMs, sleeps } from "../reachability.ts";
import { publishValues } from "../telemetry.ts";

/** How an operation ended. */
export type Performed =
  | { readonly type: "answered"; readonly outcome: OperationOutcome }
  /** The device answered what makes no sense, or what was asked cannot be encoded; `error` says what. */
  | { readonly type: "invalid"; readonly error: Lwm2mError }
  | { readonly type: "failed"; readonly reason: FailureReason }
  /** As far as is known the device did not get it: nothing was sent, or the device slept. */
  | { readonly type: "unreachable" };

/** How an operation is carried out. */
export interface PerformOptions {
  /** Token of the observation to make; a request's own otherwise. */
  readonly token?: Uint8Array;
  /** How long somebody waits for the answer, ms; as long as the device may take when absent. */
  readonly timeoutMs?: number;
  /** Asked in the same turn of the event loop in which a datagram would leave: false keeps it here. */
  readonly mayLeave?: () => boolean;
  /** Called when a datagram has left. */
  readonly onSent?: () => void;
}

/** The token of a request of this node to a device. */
export function tokenFor(device: OwnedDevice, ports: TransportPorts): Uint8Array {
  return requestToken(shardOf(device.tenant, device.endpoint), ports.node.slot, ports.random);
}

/**
 * Carries out an operation on a device: one request, one more in another Content-Format when the device refuses the first (4.06, 4.15).
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
  const { supported, models } = device.serving;
  const [target = []] = operationPaths(operation);
  const [first = chooseFormat(target, models, supported), second] = preferredFormats(target, models, supported);
  const peer = device.peer;
  let performed = await attempt(device, operation, first, options, ports);
  // It went to where the device had been. What does something each time may have been carried out there: it is not sent twice.
  const moved = performed.type === "failed" && performed.reason === "cancelled" && device.peer !== peer;
  if (moved && isRepeatable(operation)) performed = await attempt(device, operation, first, options, ports);
  const refused = performed.type === "answered" && REFUSED_FORMAT.has(performed.outcome.code);
  return refused && second !== undefined ? attempt(device, operation, second, options, ports) : performed;
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
  const id = versionedId(device, operation);
  try {
    const request = toCoapRequest(operation, { format, rootPath: device.serving.supported.rootPath });
    const { onSent, mayLeave = () => true } = options;
    const giveUpAfterMs = leastOf(options.timeoutMs, requestTimeoutMs(device.serving.power));
    // What a sleeping device may not have heard is given up when it wakes, for it to be asked anew.
    const underWay =
      isRepeatable(operation) && sleeps(device, ports.settings.awake) ? new AbortController() : undefined;
    device.underWay = underWay;
    if (!mayLeave()) return { type: "unreachable" };
    const sentAtMs = ports.clock.monotonicMs();
    const answered = ports.coap.request({
      peer: device.peer,
      ...request,
      token: options.token ?? tokenFor(device, ports),
      responseTimeoutMs: ports.settings.responseTimeoutMs,
      ...(giveUpAfterMs === undefined ? {} : { giveUpAfterMs }),
      ...(underWay === undefined ? {} : { signal: underWay.signal }),
      ...(onSent === undefined ? {} : { onSent }),
    });
    logLine(
      device,
      `[${device.registration.registrationId}][/${device.peer}] Sending request: ${name} to ${path}`,
      ports,
      "full",
    );
    const result = await answered;
    if (device.underWay === underWay) device.underWay = undefined;
    if (result.type === "failed" && result.reason === "timeout") {
      const unheard = device.lastUplinkMs <= sentAtMs;
      if (unheard) ports.sleepers.fallAsleep(device);
      if (underWay?.signal.aborted || (unheard && device.asleep)) {
        ports.metrics.operations.with({ operation: operation.type, outcome: "timeout" }).inc();
        return { type: "unreachable" };
      }
    }
    if (result.type === "failed") {
      ports.metrics.operations.with({ operation: operation.type, outcome: result.reason }).inc();
      logLine(device, `[error]: Request [${id}] processing failed. Reason: ${result.reason}`, ports);
      return result;
    }
    hear(device, result.response.peer, ports);
    const outcome = fromCoapResponse(operation, result.response, device.serving.models, ports.clock.wallMs());
    ports.metrics.operations
      .with({ operation: operation.type, outcome: outcome.code < 300 ? "success" : "refused" })
      .inc();
    const level = outcome.code <= 205 ? "full" : "summary";
    logLine(device, `${verdictOn(outcome, name, id)}. Result: ${resultText(outcome)}`, ports, level);
    if (codeClass(result.response.code) === 2) publishOutcome(device, operation, result.response, ports);
    return { type: "answered", outcome };
  } catch (error) {
    if (!(error instanceof Lwm2mError)) throw error;
    ports.metrics.operations.with({ operation: operation.type, outcome: "invalid" }).inc();
    logLine(device, `[error]: Request [${id}] validation failed. Reason: ${error.message}`, ports);
    return { type: "invalid", error };
  }
}

function leastOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

/** The path with the version under which the device registered the object: `/3_1.2/0/9`. */
function versionedId({ serving }: OwnedDevice, operation: Operation): string {
  return operationPaths(operation)
    .map((path) => formatVersionedPath({ path, version: serving.supported.objects.get(path[0] ?? -1)?.version }))
    .join(", ");
}

function verdictOn({ code }: OperationOutcome, name: string, id: string): string {
  return code <= 205 ? `[info]: ${name} [${id}] successful` : `[error]: ${name} [${id}] failed to process successful`;
}

/** The code of an answer with what the device said beside it. */
function resultText({ code, links, diagnostic }: OperationOutcome): string {
  return [resultName(code), links ?? diagnostic ?? ""].join(" ").trimEnd();
}

/** Publishes what an answer tells of the device's values: those it sent, or those it took. */
function publishOutcome(device: OwnedDevice, operation: Operation, response: Received, ports: TransportPorts): void {
  const nowMs = ports.clock.wallMs();
  const { VALUE_SOURCE_READ, VALUE_SOURCE_WRITE } = lwm2m.v1.ValueSource;
  const { tenant, endpoint, registrationId } = device.registration;
  const eventId = namedEventId(
    tenant,
    endpoint,
    registrationId,
    ports.node.bootId,
    response.messageId,
    Buffer.from(response.token).toString("hex"),
    nowMs,
  );
  const origin = { eventId, stale: false, nowMs };
  // Of an Observe answered by a CON the values are published as those of the notification that it may be.
  const isValue = operation.type === "read" || (operation.type === "observe" && !response.confirmable);
  if (isValue && response.code === CODE.CONTENT) {
    const format =
      readUintOption(response.options, OPTION.CONTENT_FORMAT) ?? assumedFormat(operation.path, device.serving.models);
    const values = decodeTimedValues(format, response.payload, operation.path, device.serving.models, nowMs);
    void publishValues(device, values, { ...origin, source: VALUE_SOURCE_READ }, ports)?.catch(ports.unpublished);
  }
  if (operation.type === "write") {
    const values = flattenNode(operation.path, operation.node);
    void publishValues(device, values, { ...origin, source: VALUE_SOURCE_WRITE }, ports)?.catch(ports.unpublished);
  }
}
