import { formatPath, type LwM2mPath, type Operation, pathsOverlap, UnexpectedResponseError } from "@ferry/lwm2m";
import { type ContentType, encodeRpcResponse, lwm2m, toSafeNumber, toWireNode } from "@ferry/proto";
import {
  buildOperation,
  createTimeFormat,
  type FinalStatus,
  type FormatOptions,
  formatLocalValue,
  formatNoAnswer,
  formatOutcome,
  formatRefusal,
  formatUnexpectedResponse,
  REFUSALS,
  type Refusal,
  type RpcOperation,
  type RpcResult,
} from "@ferry/rpc";
import {
  type DeviceRef,
  namedEventId,
  type Observation,
  observationToken,
  StateUnavailableError,
  shardOf,
} from "@ferry/state";
import { logLine } from "../communication-log.ts";
import { hold } from "../follow-changes.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { nextHead } from "../record-writer.ts";
import { type Performed, perform } from "./perform.ts";
import { removeObservation } from "./set-up.ts";
import { PRIORITY } from "./work-queue.ts";

/** A request as the router hands it over. */
interface Request extends DeviceRef {
  readonly requestId: string;
  readonly method: string;
  readonly params: string;
  readonly expiresAtMs: number;
  readonly contentType: ContentType;
}

/** An answer that is not one of the device's or the catalogue's. */
type Answer = Omit<RpcResult, "status"> & {
  readonly status: FinalStatus | "NOT_REGISTERED" | "UNREACHABLE" | "EXPIRED" | "INDETERMINATE";
};

/** Carries out RPC requests on the devices of this node, each once, and decides one final answer. */
export class RpcExecutor {
  readonly #ports: TransportPorts;
  readonly #format: FormatOptions;
  /** Requests in hand: a command that is delivered again joins the first. */
  readonly #inHand = new Set<string>();

  constructor(ports: TransportPorts) {
    this.#ports = ports;
    const order = ports.settings.compat === "seed" ? "hash" : "ascending";
    this.#format = { formatTime: createTimeFormat(ports.settings.timeZone), order };
  }

  get inHand(): number {
    return this.#inHand.size;
  }

  /** Takes a request; its answer comes by itself. */
  accept(message: lwm2m.v1.RpcRequest.$Properties, contentType: string): void {
    const request: Request = {
      tenant: message.tenant ?? "",
      endpoint: message.endpoint ?? "",
      requestId: message.requestId ?? "",
      method: message.method ?? "",
      params: message.params ?? "",
      expiresAtMs: toSafeNumber(message.expiresAtMs),
      contentType: contentType as ContentType, // The router wrote it.
    };
    const name = `${request.tenant}/${request.endpoint}\n${request.requestId}`;
    if (this.#inHand.has(name)) return;
    this.#inHand.add(name);
    void this.#carryOut(request).finally(() => this.#inHand.delete(name));
  }

  async #carryOut(request: Request): Promise<void> {
    const device = this.#ports.ownership.byDevice(request.tenant, request.endpoint);
    // The device moved on while the command was on its way: the router asks its new owner when the attempt stays unanswered.
    if (device === undefined)
      return this.#finish(request, answer("UNREACHABLE", "The device has moved to another node"));

    const built = buildOperation(request.method, request.params, device.serving);
    if (built.type === "refused") return this.#finish(request, formatRefusal(built));
    if (built.operation.type === "cancelObservation")
      return this.#finish(request, await this.#cancelObservation(device, built));
    const conflict = built.operation.type === "observe" ? findConflict(device, built.operation.path) : undefined;
    if (conflict !== undefined) return this.#finish(request, formatRefusal(conflict));
    await new Promise<void>((done) => {
      device.work.add(PRIORITY.rpc, () => this.#perform(device, built, request).finally(done));
    });
  }

  async #perform(device: OwnedDevice, built: RpcOperation, request: Request): Promise<void> {
    const { clock, ownership } = this.#ports;
    const leftMs = request.expiresAtMs - clock.wallMs();
    if (leftMs <= 0) return this.#finish(request, answer("EXPIRED", "The request lapsed before its turn came"));
    if (!ownership.has(device))
      return this.#finish(request, answer("UNREACHABLE", "The device has moved to another node"));
    if (built.method.sideEffect === "atMostOnce" && !(await this.#mayDispatch(device, request))) return;

    const observing = built.operation.type === "observe" ? await this.#hold(device, built.operation) : undefined;
    const token = observing?.token;
    const options = {
      timeoutMs: leftMs,
      onSend: () => this.#progress(device, request, lwm2m.v1.RpcProgress.RPC_PROGRESS_SENT),
      ...(token === undefined ? {} : { token }),
    };
    const performed = await perform(device, built.operation, options, this.#ports);
    if (performed.type === "answered") this.#progress(device, request, lwm2m.v1.RpcProgress.RPC_PROGRESS_DELIVERED);
    if (observing !== undefined) await this.#settleObservation(device, observing, performed);
    await this.#finish(request, this.#answerOf(device, built.operation, performed));
  }

  /** Passes the gate before Execute: at most one node sends it, once. */
  async #mayDispatch(device: OwnedDevice, request: Request): Promise<boolean> {
    const { devices, clock, stateEpisode } = this.#ports;
    try {
      const outcome = await devices.dispatch({
        device,
        requestId: request.requestId,
        owner: device.owner,
        nowMs: clock.wallMs(),
      });
      if (outcome.type === "go") return true;
      if (outcome.type === "dispatched")
        await this.#finish(request, answer("INDETERMINATE", "The operation may have been carried out before"));
      if (outcome.type === "stale")
        await this.#finish(request, answer("UNREACHABLE", "The device has moved to another node"));
      return false;
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error);
      return false; // Without the gate nothing is sent; the request ends at its deadline.
    }
  }

  #answerOf(device: OwnedDevice, operation: Operation, performed: Performed): Answer {
    switch (performed.type) {
      case "answered":
        return formatOutcome(operation, performed.outcome, this.#format);
      case "invalid":
        return performed.error instanceof UnexpectedResponseError
          ? formatUnexpectedResponse(operation, device.endpoint, performed.error)
          : { status: "FAILED", result: "BAD_REQUEST", code: 0, error: performed.error.message, nodes: [] };
      case "unreachable":
        return answer("UNREACHABLE", "The device has been silent for too long to be reached where it was last heard");
      case "failed":
        return formatNoAnswer(
          operation,
          performed.reason === "reset" || performed.reason === "cancelled" ? performed.reason : "timeout",
        );
    }
  }

  /** Holds an observation before the device is asked for it, so that its first notification finds it. One that is there already is asked for under its own token. */
  async #hold(device: OwnedDevice, operation: Operation): Promise<Observation | undefined> {
    const path = formatPath(operation.path);
    const held = [...device.observations.values()].find(({ observation }) => observation.paths[0] === path);
    if (held !== undefined) return held.observation;
    const token = observationToken(shardOf(device.tenant, device.endpoint), this.#ports.random);
    const observation: Observation = { token, paths: [path], source: "rpc" };
    return (await hold(device, [observation], this.#ports)) ? observation : undefined;
  }

  /** The observation stays when the device holds it; one that was asked for here goes when it does not. */
  async #settleObservation(device: OwnedDevice, observation: Observation, performed: Performed): Promise<void> {
    const held = [...device.observations.values()].find((each) => each.observation === observation);
    if (held === undefined) return;
    held.confirmed = performed.type === "answered" && performed.outcome.observing === true;
    if (held.confirmed || observation.source === "profile") return;
    this.#ports.ownership.unobserve(device, observation.token);
    await removeObservation(device, held, this.#ports);
  }

  /** ObserveCancel is passive: the next notification is answered with RST (RFC 7641 §3.6). */
  async #cancelObservation(device: OwnedDevice, { operation, id }: RpcOperation): Promise<Answer> {
    const path = formatPath(operation.path);
    const held = [...device.observations.values()].find(({ observation }) => observation.paths[0] === path);
    if (held === undefined) {
      return formatRefusal(REFUSALS.noActiveObservation(id));
    }
    this.#ports.ownership.unobserve(device, held.observation.token);
    await removeObservation(device, held, this.#ports);
    logLine(device, `[info]: Cancel Observe for [${id}] successful. Result: [1]`, this.#ports);
    return formatLocalValue("1");
  }

  #progress(device: OwnedDevice, { requestId }: Request, progress: lwm2m.v1.RpcProgress): void {
    const { records, clock, random, unpublished } = this.#ports;
    void records.status(nextHead(device, random(16), clock.wallMs()), { requestId, progress }).catch(unpublished);
  }

  /** Decides the final answer, once, and publishes it if it was the first. */
  async #finish(request: Request, { status, result, code, value, error, nodes }: Answer): Promise<void> {
    const { devices, records, outbox, clock, node, metrics, stateEpisode, unpublished } = this.#ports;
    const { tenant, endpoint, requestId, contentType } = request;
    const nowMs = clock.wallMs();
    const response = encodeRpcResponse(
      {
        context: {
          eventId: namedEventId("rpc", tenant, endpoint, requestId),
          tenant,
          endpoint,
          bootId: node.bootId,
          ingestTimeMs: nowMs,
        },
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
    try {
      const outcome = await devices.finish({ device: request, requestId, response, nowMs });
      if (outcome.type !== "won") return;
      metrics.rpc.with({ status }).inc();
      await records.response(request, response, contentType);
      outbox.settle(shardOf(tenant, endpoint), outcome.outboxId);
    } catch (failure) {
      // The request ends at its deadline, or the sweeper publishes what was decided.
      if (failure instanceof StateUnavailableError) stateEpisode.failed(failure);
      else unpublished(failure);
    }
  }
}

/** An observation above or below `path`: the device would report the same values twice. The same path again is no conflict. */
function findConflict(device: OwnedDevice, path: LwM2mPath): Refusal | undefined {
  for (const held of device.observations.values()) {
    const overlaps = held.path.length !== path.length && pathsOverlap(held.path, path);
    if (overlaps) return REFUSALS.observationConflict(formatPath(path), formatPath(held.path));
  }
  return undefined;
}

function answer(status: Answer["status"], error: string): Answer {
  return { status, result: "", code: 0, error, nodes: [] };
}
