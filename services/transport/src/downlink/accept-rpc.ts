import { type Operation, UnexpectedResponseError } from "@ferry/lwm2m";
import { type ContentType, encodeRpcResponse, lwm2m, toSafeNumber, toWireNode } from "@ferry/proto";
import {
  buildOperation,
  createTimeFormat,
  type FormatOptions,
  formatNoAnswer,
  formatOutcome,
  formatRefusal,
  formatUnexpectedResponse,
  type RpcOperation,
} from "@ferry/rpc";
import { type DeviceRef, namedEventId, StateUnavailableError, shardOf } from "@ferry/state";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable } from "../reachability.ts";
import { nextHead } from "../record-writer.ts";
import { type Answer, answer, MOVED } from "./answer.ts";
import { answerLocally } from "./local-requests.ts";
import { type Performed, perform } from "./perform.ts";
import { holdObservation, settleObservation } from "./rpc-observations.ts";
import { PRIORITY } from "./work-queue.ts";

/** A request as the router hands it over. */
interface Request extends DeviceRef {
  readonly requestId: string;
  readonly method: string;
  readonly params: string;
  readonly expiresAtMs: number;
  readonly contentType: ContentType;
}

/** Carries out RPC requests on the devices of this node, each once, and decides one final answer. */
export class RpcExecutor {
  readonly #ports: TransportPorts;
  readonly #format: FormatOptions;
  /** Requests in hand: a command that is delivered again joins the first. */
  readonly #inHand = new Set<string>();

  constructor(ports: TransportPorts) {
    this.#ports = ports;
    const { timeZone, compat } = ports.settings;
    this.#format = { formatTime: createTimeFormat(timeZone), compat };
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

  /** Carries a request out on the device, and again on what the device became when it registered anew or came back meanwhile. */
  async #carryOut(request: Request): Promise<void> {
    const device = this.#ports.ownership.byDevice(request.tenant, request.endpoint);
    if (device === undefined) return this.#finish(request, answer("UNREACHABLE", MOVED));

    const built = buildOperation(request.method, request.params, device.serving);
    if (built.type === "refused") return this.#finish(request, formatRefusal(built));
    if (built.type === "local") return this.#finish(request, await answerLocally(device, built.ask, this.#ports));
    if (device.work.length >= MAX_WAITING) return this.#finish(request, answer("UNREACHABLE", TOO_MANY_WAIT));

    const dropped = await new Promise<boolean>((done) => {
      device.work.add(
        PRIORITY.rpc,
        () => this.#perform(device, built, request).finally(() => done(false)),
        () => done(true),
      );
    });
    if (dropped) await this.#carryOut(request);
  }

  async #perform(device: OwnedDevice, built: RpcOperation, request: Request): Promise<void> {
    const { clock, ownership, settings } = this.#ports;
    const leftMs = request.expiresAtMs - clock.wallMs();
    if (leftMs <= 0) return this.#finish(request, answer("EXPIRED", "The request lapsed before its turn came"));
    if (!ownership.has(device)) return this.#carryOut(request);
    // Asked before the gate: what cannot be sent must not count as sent.
    if (!isReachable(device, settings.reachability, clock.monotonicMs()))
      return this.#finish(request, answer("UNREACHABLE", SILENT));
    const observed =
      built.operation.type === "observe" ? await holdObservation(device, built.operation.path, this.#ports) : undefined;
    if (observed !== undefined && "status" in observed) return this.#finish(request, observed);
    if (built.method.sideEffect === "atMostOnce" && !(await this.#mayDispatch(device, request))) return;

    const token = observed?.held.observation.token;
    const options = {
      timeoutMs: leftMs,
      onSend: () => this.#progress(device, request, lwm2m.v1.RpcProgress.RPC_PROGRESS_SENT),
      ...(token === undefined ? {} : { token }),
    };
    const performed = await perform(device, built.operation, options, this.#ports);
    if (performed.type === "answered") this.#progress(device, request, lwm2m.v1.RpcProgress.RPC_PROGRESS_DELIVERED);
    if (observed !== undefined) await settleObservation(device, observed, performed, this.#ports);
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
      if (outcome.type === "stale") await this.#finish(request, answer("UNREACHABLE", MOVED));
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
        return answer("UNREACHABLE", SILENT);
      case "failed":
        if (performed.reason === "cancelled" && operation.type === "execute") return answer("INDETERMINATE", LEFT);
        return formatNoAnswer(
          operation,
          performed.reason === "reset" || performed.reason === "cancelled" ? performed.reason : "timeout",
        );
    }
  }

  #progress(device: OwnedDevice, { requestId }: Request, progress: lwm2m.v1.RpcProgress): void {
    const { records, clock, random, unpublished } = this.#ports;
    void records.status(nextHead(device, random(16), clock.wallMs()), { requestId, progress }).catch(unpublished);
  }

  /** Decides the final answer, once, and publishes it if it was the first. */
  async #finish(request: Request, given: Answer): Promise<void> {
    const { devices, records, outbox, clock, metrics, stateEpisode, unpublished } = this.#ports;
    const nowMs = clock.wallMs();
    let response = this.#encode(request, given, nowMs);
    if (response.length > MAX_RESPONSE_BYTES) {
      const error = `The answer has ${response.length} bytes, more than the ${MAX_RESPONSE_BYTES} that a record may have: read less at a time`;
      response = this.#encode(request, { ...answer("FAILED", error), code: given.code }, nowMs);
    }
    try {
      const outcome = await devices.finish({ device: request, requestId: request.requestId, response, nowMs });
      if (outcome.type !== "won") return;
      metrics.rpc.with({ status: given.status }).inc();
      await records.response(request, response, request.contentType);
      outbox.settle(shardOf(request.tenant, request.endpoint), outcome.outboxId);
    } catch (failure) {
      // The request ends at its deadline, or the sweeper publishes what was decided.
      if (failure instanceof StateUnavailableError) stateEpisode.failed(failure);
      else unpublished(failure);
    }
  }

  #encode(request: Request, { status, result, code, value, error, nodes }: Answer, nowMs: number): Uint8Array {
    const { tenant, endpoint, requestId, contentType } = request;
    const { bootId } = this.#ports.node;
    const eventId = namedEventId("rpc", tenant, endpoint, requestId);
    return encodeRpcResponse(
      {
        context: { eventId, tenant, endpoint, bootId, ingestTimeMs: nowMs },
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
}

/** Requests that may wait for one device. */
const MAX_WAITING = 100;
/** Largest answer, bytes: brokers take records of 1 MiB, headers included. */
const MAX_RESPONSE_BYTES = 1_000_000;
const TOO_MANY_WAIT = `${MAX_WAITING} requests wait for the device already`;
const LEFT = "The device moved to another address after the operation had been sent";
const SILENT = "The device has been silent for too long to be reached where it was last heard";
