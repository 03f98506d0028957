import { setImmediate as turn } from "node:timers/promises";
import { type Deadline, NOT_QUEUED } from "@ferry/coap";
import { type Lwm2mError, type Operation, UnexpectedResponseError } from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import {
  buildOperation,
  createTimeFormat,
  type FormatOptions,
  formatNoAnswer,
  formatOutcome,
  formatRefusal,
  formatUnencodable,
  formatUnexpectedResponse,
  type LocalAsk,
  type RpcOperation,
} from "@ferry/rpc";
import { driveMachine, type MachineDriver } from "@ferry/runtime";
import { MAX_IN_HAND, StateUnavailableError, type WaitingRequest } from "@ferry/state";
import { type DueChange, DueWatch } from "../due-watch.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { isReachable, sleeps } from "../reachability.ts";
import { nextHead } from "../record-writer.ts";
import { type Answer, answer, MOVED } from "./answer.ts";
import { ENVIRONMENT_RETRY, type RetrySettings, retryDelayMs } from "./fault-rules.ts";
import { encodeAnswer, finishRequest } from "./finish-request.ts";
import { HeldAnswers } from "./held-answers.ts";
import { answerLocally } from "./local-requests.ts";
import { isRepeatable, type Performed, perform } from "./perform.ts";
import { afterTimeout, nextStep } from "./request-policy.ts";
import { holdObservation, observedBy, settleObservation } from "./rpc-observations.ts";
import { nameOf, type Request, type RequestRef, requestOf, storedRequest } from "./rpc-request.ts";
import { PRIORITY } from "./work-queue.ts";

const { RPC_PROGRESS_SENT, RPC_PROGRESS_DELIVERED, RPC_PROGRESS_WAITING_FOR_DEVICE, RPC_PROGRESS_TIMEOUT } =
  lwm2m.v1.RpcProgress;

/** What this node knows of a request that has no final answer yet, in hand or waiting in the store. */
interface Known extends Deadline {
  readonly ref: RequestRef;
  readonly expiresAtMs: number;
  /** It waits for its turn in the device's queue, or has it. */
  inHand: boolean;
  /** It has its turn, and ends by itself. */
  underWay: boolean;
  /** Its answer is decided. */
  ended: boolean;
  /** WAITING_FOR_DEVICE was said. */
  told: boolean;
  /** A datagram left. */
  sent: boolean;
  /** How often the device did not answer in time, and when it was last sent, monotonic ms. */
  timeouts: number;
  sentAtMs: number;
  /** When it is tried again though the device was not heard, ms since 1970; 0 when it was not put back. */
  retryAtMs: number;
}

/**
 * Carries out RPC requests on the devices of this node, and decides one final answer for each.
 *
 * The queue of a device is its open requests in the store. A few of them are in hand here; what cannot be sent now stays there and is fetched, in order,
 * when the device is heard or the others are through.
 */
export class RpcExecutor {
  readonly #ports: TransportPorts;
  readonly #format: FormatOptions;
  readonly #known = new Map<string, Known>();
  readonly #due: MachineDriver<DueChange<Known>>;
  readonly #answers: HeldAnswers;

  constructor(ports: TransportPorts) {
    this.#ports = ports;
    this.#answers = new HeldAnswers((final) => finishRequest(final, ports));
    const { timeZone, compat } = ports.settings;
    this.#format = { formatTime: createTimeFormat(timeZone), compat };
    this.#due = driveMachine(new DueWatch<Known>(), (known) => this.#act(known), ports.clock.wallMs);
  }

  /** Requests that are known to wait for their device. */
  get waiting(): number {
    let count = 0;
    for (const { inHand, ended } of this.#known.values()) if (!inHand && !ended) count += 1;
    return count;
  }

  /** Answers that wait for the store. */
  get answersHeld(): number {
    return this.#answers.size;
  }

  stop(): void {
    this.#due.stop();
    this.#answers.stop();
  }

  /**
   * Takes a request that the router hands over; its answer comes by itself. One for a device that this node does not have is left alone:
   * who has it learned of its open requests when it took it over.
   */
  accept(message: lwm2m.v1.RpcRequest.$Properties, contentType: string): void {
    this.#ports.failpoint("received");
    const request = requestOf(message, contentType);
    const device = this.#ports.ownership.byDevice(request.tenant, request.endpoint);
    if (device !== undefined) this.#take(device, request, device.requestsWait || device.fetching);
    else if (request.failFast) void this.#finish(request, answer("UNREACHABLE", MOVED));
    else this.#ports.metrics.ignoredCommands.inc();
  }

  /** Fetches what waits in the store for the device, when it can be carried out now. The fetch has its turn in the queue: what the profile wants does not go before it. */
  serve(device: OwnedDevice): void {
    if (!device.requestsWait || device.fetching || device.requestsInHand > 0 || this.#isHeldBack(device)) return;
    if (!this.#ports.settings.fetchWaiting || !this.#isReachable(device)) return;
    device.fetching = true;
    device.work.add(
      PRIORITY.rpc,
      () => this.#fetch(device),
      () => {
        device.fetching = false;
      },
    );
  }

  async #fetch(device: OwnedDevice): Promise<void> {
    const { devices, ownership, storeWatch, stateEpisode, fetchAgain } = this.#ports;
    await turn(); // The answer to the message by which the device was heard goes first.
    device.requestsWait = false; // What is stored from here on is told anew.
    try {
      let more = true;
      let after: string | undefined;
      while (more && ownership.has(device) && this.#isReachable(device) && device.requestsInHand < MAX_IN_HAND) {
        const page = await devices.openRequests({
          device,
          limit: MAX_IN_HAND,
          ...(after === undefined ? {} : { after }),
        });
        // What was done with them an emptied or rolled-back store may have forgotten; the router tells when it knows.
        if (!(await storeWatch.areRequestsRestored())) {
          device.fetching = false;
          device.requestsWait = true;
          return;
        }
        if (!ownership.has(device)) break;
        for (const stored of page.requests) this.#takeStored(device, stored);
        after = page.requests.at(-1)?.requestId;
        more = page.more;
      }
      device.fetching = false;
      if (!ownership.has(device)) return;
      device.requestsWait ||= more;
      this.serve(device);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error);
      device.fetching = false;
      device.requestsWait = true;
      fetchAgain.add(device);
    }
  }

  #takeStored(device: OwnedDevice, stored: WaitingRequest): void {
    const { node, logger } = this.#ports;
    if (stored.displaced) return; // Who displaced it answers, or the router when that one is dead.
    const request = readStored(stored);
    if (request === undefined) {
      // The store forgets it in time.
      logger.error({ ...stored.device, requestId: stored.requestId }, "The bytes of a stored request are damaged");
      return;
    }
    if (this.#isInHandOrOver(request)) return;
    if (stored.dispatchedBy !== undefined) {
      // Who dispatched it answers, or the router when that node is dead. What this one dispatched and has not in hand, it lost sight of.
      if (stored.dispatchedBy.bootId === node.bootId) void this.#finish(request, answer("INDETERMINATE", LOST));
    } else this.#take(device, request, false);
  }

  /** `othersWait`: requests that came before it are in the store and not in hand. */
  #take(device: OwnedDevice, request: Request, othersWait: boolean): void {
    if (this.#isInHandOrOver(request)) return;
    const known = this.#known.get(nameOf(request));
    const built = buildOperation(request.method, request.params, device.serving);
    if (built.type === "refused") {
      void this.#finish(request, formatRefusal(built));
      return;
    }
    if (built.type === "local") {
      this.#answerLocally(device, request, built.ask);
      return;
    }

    // A device that did not answer counts as out of reach until it is tried again: what came before must not be overtaken.
    const reachable = this.#isReachable(device) && !this.#isHeldBack(device);
    const facts = { reachable, othersWait, inHand: device.requestsInHand };
    switch (nextStep(request, facts, this.#ports.clock.wallMs())) {
      case "lapsed":
        void this.#finish(request, lapsed(known));
        return;
      case "unreachable":
        void this.#finish(request, outOfReach(device, built.operation));
        return;
      case "wait":
        this.#wait(device, request);
        return;
      case "later":
        device.requestsWait = true;
        this.serve(device);
        return;
      case "send":
        this.#queue(device, this.#know(request), request, built);
    }
  }

  /** Answers what needs no datagram: at once, but what is about observations after the Observes in hand. */
  #answerLocally(device: OwnedDevice, request: Request, ask: LocalAsk): void {
    const known = this.#know(request);
    known.inHand = true;
    const run = async (): Promise<void> => {
      if (known.ended) return;
      const given = await answerLocally(device, ask, this.#ports);
      if (given !== "stale" && given !== "unavailable") return this.#finish(request, given);
      known.inHand = false;
      await this.#unheld(device, known, request, given);
      if (!known.ended) this.#watch(known);
    };
    if (device.observesInHand === 0 || ask.type === "discoverAll") {
      void run();
      return;
    }
    device.work.add(PRIORITY.rpc, run, () => {
      known.inHand = false;
      this.#leave(known);
    });
  }

  #queue(device: OwnedDevice, known: Known, request: Request, built: RpcOperation): void {
    known.inHand = true;
    const observes = observedBy(built.operation) === undefined ? 0 : 1;
    device.requestsInHand += 1;
    device.observesInHand += observes;
    const done = (): void => {
      known.inHand = false;
      known.underWay = false;
      device.requestsInHand -= 1;
      device.observesInHand -= observes;
      if (!known.ended) this.#watch(known); // Its time may have come while it was under way.
      this.serve(device);
    };
    device.work.add(
      PRIORITY.rpc,
      async () => {
        const ending = await this.#carryOut(device, known, request, built);
        // It is in hand until its answer is on Kafka: that bounds them. The device's next one need not wait for that.
        if (ending === undefined) done();
        else void ending.ended.finally(done);
      },
      () => {
        done();
        if (request.failFast && this.#isHeldBack(device))
          void this.#finish(request, outOfReach(device, built.operation));
        else this.#leave(known);
      },
    );
  }

  /** Answers what is still under way when the device is through with it. */
  async #carryOut(
    device: OwnedDevice,
    known: Known,
    request: Request,
    built: RpcOperation,
  ): Promise<{ readonly ended: Promise<void> } | void> {
    const ports = this.#ports;
    if (known.ended) return; // It lapsed before its turn.
    if (!ports.ownership.has(device)) return this.#leave(known);
    // Asked before the gate: what cannot be sent must not count as sent.
    if (!this.#isReachable(device)) return this.#waitOrFail(device, request, built.operation);

    known.underWay = true;
    const { operation } = built;
    const wanted = observedBy(operation);
    const observed = wanted === undefined ? undefined : await holdObservation(device, wanted, ports);
    if (observed === "stale" || observed === "unavailable") return this.#unheld(device, known, request, observed);
    if (observed !== undefined && "status" in observed) return this.#finish(request, observed);
    const gate = !isRepeatable(operation) ? await this.#passGate(device, known, request) : { untilMs: Infinity };
    if (gate === undefined) return;

    known.sentAtMs = ports.clock.monotonicMs();
    let left = false;
    const token = observed?.held.observation.token;
    const performed = await perform(
      device,
      operation,
      {
        deadlineMs: known.sentAtMs + request.expiresAtMs - ports.clock.wallMs(),
        sendByMs: gate.untilMs,
        onSent: () => {
          if (!left) this.#sent(device, request);
          left = true;
          known.sent = true;
        },
        ...(token === undefined ? {} : { token }),
        ...(built.format === undefined ? {} : { format: built.format }),
      },
      ports,
    );
    if (performed.type === "answered") ports.failpoint("answered");
    if (observed !== undefined) await settleObservation(device, observed, performed, ports);
    if (!known.ended) return { ended: this.#conclude(device, known, request, built, performed, left) };
  }

  #sent(device: OwnedDevice, request: Request): void {
    this.#ports.failpoint("sent");
    this.#progress(device, request, RPC_PROGRESS_SENT);
    if (request.oneWay && !request.persistent) void this.#finish(request, HANDED_OVER);
  }

  /** What becomes of an Observe that could not be stored before the device is asked for it, and of the cancelling of one. */
  #unheld(device: OwnedDevice, known: Known, request: Request, why: "stale" | "unavailable"): Promise<void> | void {
    const isHere = this.#ports.ownership.byDevice(request.tenant, request.endpoint) !== undefined;
    if (request.failFast && !isHere) return this.#finish(request, answer("UNREACHABLE", MOVED));
    if (why === "stale") return this.#leave(known);
    if (request.failFast) return this.#finish(request, answer("UNREACHABLE", "Redis cannot be reached"));
    this.#putBack(device, known, ENVIRONMENT_RETRY);
  }

  /** What becomes of a request that had its turn. `left`: a datagram did. */
  async #conclude(
    device: OwnedDevice,
    known: Known,
    request: Request,
    built: RpcOperation,
    performed: Performed,
    left: boolean,
  ): Promise<void> {
    const { operation } = built;
    const atMostOnce = !isRepeatable(operation);
    if (performed.type === "answered") {
      this.#progress(device, request, RPC_PROGRESS_DELIVERED);
      const given = request.oneWay ? HANDED_OVER : formatOutcome(operation, performed.outcome, this.#format);
      return this.#finish(request, given);
    }
    if (performed.type === "invalid") return this.#finish(request, invalidAnswer(device, operation, performed.error));
    const { ownership, clock } = this.#ports;
    const reason = performed.type === "failed" ? performed.reason : "timeout";
    if (reason === "timeout" || reason === "cancelled") {
      if (!left) {
        if (clock.wallMs() >= request.expiresAtMs) return this.#finish(request, lapsed(known));
        // Past the gate nobody sends it any more.
        if (atMostOnce) return this.#finish(request, answer("UNREACHABLE", HELD_UP));
        // Heard since: it has a new window.
        if (!ownership.has(device) || this.#isReachable(device)) return this.#leave(known);
        return this.#waitOrFail(device, request, operation);
      }
      if (reason === "cancelled" && atMostOnce) return this.#finish(request, answer("INDETERMINATE", LEFT));
      // The device is another node's, or registered anew: there it is asked once more.
      const lapsesSoon = clock.wallMs() + LAPSES_SOON_MS >= request.expiresAtMs;
      if (!atMostOnce && !lapsesSoon && !ownership.has(device)) return this.#leave(known);
      const missed = performed.type === "unreachable" || reason === "cancelled";
      return this.#timedOut(device, known, request, built, { reason, missed });
    }
    const why = reason === "overload" ? "notSent" : reason === "reset" ? "reset" : "timeout";
    return this.#finish(request, formatNoAnswer(operation, why));
  }

  /** `missed`: as far as is known the device did not get it. */
  async #timedOut(
    device: OwnedDevice,
    known: Known,
    request: Request,
    built: RpcOperation,
    { reason, missed }: { readonly reason: "timeout" | "cancelled"; readonly missed: boolean },
  ): Promise<void> {
    const { clock, settings, metrics } = this.#ports;
    known.timeouts += 1;
    const facts = {
      atMostOnce: !isRepeatable(built.operation),
      outOfReach: missed || sleeps(device, settings.awake),
      timeouts: known.timeouts,
    };
    const next = afterTimeout(request, facts, clock.wallMs() + LAPSES_SOON_MS);
    if (next.type === "timeout") return this.#finish(request, formatNoAnswer(built.operation, reason));
    if (next.type === "exhausted") return this.#finish(request, answer("FAILED", exhausted(next.retries)));
    metrics.rpcRetries.inc();
    this.#progress(device, request, RPC_PROGRESS_TIMEOUT);
    if (device.lastUplinkMs <= known.sentAtMs) return this.#putBack(device, known, settings.reconcile);
    device.requestsWait = true;
    device.work.clear(PRIORITY.rpc); // They come after it.
  }

  /** Leaves a request in the store, and those that came after it, until the device is heard or some time has passed. */
  #putBack(device: OwnedDevice, known: Known, retry: RetrySettings): void {
    const { ownership, clock, random } = this.#ports;
    if (!ownership.has(device)) {
      this.#leave(known);
      return;
    }
    known.retryAtMs = clock.wallMs() + retryDelayMs(Math.max(1, known.timeouts), retry, random);
    device.putBack = known;
    device.requestsWait = true;
    device.work.clear(PRIORITY.rpc);
  }

  /**
   * Passes the gate before Execute, Create and Delete: at most one node sends them, once. Answers until when the first datagram may leave, monotonic ms:
   * whoever finds later that this node is dead must know that nothing is sent any more. Undefined when it must not be sent (now).
   */
  async #passGate(
    device: OwnedDevice,
    known: Known,
    request: Request,
  ): Promise<{ readonly untilMs: number } | undefined> {
    const { devices, ownership, records, clock, stateEpisode, unpublished, failpoint } = this.#ports;
    const { requestId } = request;
    try {
      // A lost Redis must not forget it.
      await records.rpcState(request, requestId, {
        request: request.message,
        contentType: request.contentType,
        state: lwm2m.v1.RpcState.RPC_STATE_DISPATCHED,
        ownerEpoch: device.owner.epoch,
      });
    } catch (error) {
      unpublished(error);
      this.#putBack(device, known, ENVIRONMENT_RETRY);
      return undefined;
    }
    if (clock.wallMs() >= request.expiresAtMs) {
      await this.#finish(request, lapsed(known));
      return undefined;
    }
    try {
      const askedAtMs = clock.monotonicMs();
      const outcome = await devices.dispatch({ device, requestId, owner: device.owner, nowMs: clock.wallMs() });
      switch (outcome.type) {
        case "go":
          failpoint("dispatched");
          return { untilMs: askedAtMs + LEAVES_WITHIN_MS };
        case "dispatched":
          this.#forget(known); // Who dispatched it answers, or the router when that node is dead: that may be long after its deadline.
          device.requestsWait = true; // By whom, the store tells.
          return undefined;
        case "finished":
          this.#forget(known);
          void records.rpcState(request, requestId, undefined).catch(unpublished);
          return undefined;
        case "stale":
          // The device is another node's, which fetches it; or the store lost it, and it is restored. It stays on record as dispatched: to take that back
          // might come after its end, and have it carried out once more when the store is lost.
          if (ownership.has(device)) this.#forget(known);
          else this.#leave(known); // The device registered anew here meanwhile.
          return undefined;
      }
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      stateEpisode.failed(error);
      this.#putBack(device, known, ENVIRONMENT_RETRY); // Without the gate nothing is sent.
      return undefined;
    }
  }

  #waitOrFail(device: OwnedDevice, request: Request, operation: Operation): Promise<void> | void {
    if (request.failFast) return this.#finish(request, outOfReach(device, operation));
    this.#wait(device, request);
  }

  #wait(device: OwnedDevice, request: Request): void {
    const known = this.#know(request);
    device.requestsWait = true;
    if (known.told) return;
    known.told = true;
    this.#progress(device, request, RPC_PROGRESS_WAITING_FOR_DEVICE);
  }

  /** Leaves a request to what the device has become here; or to its new owner, who learned of it with the device. */
  #leave({ ref }: Known): void {
    const device = this.#ports.ownership.byDevice(ref.tenant, ref.endpoint);
    if (device === undefined) return;
    device.requestsWait = true;
    this.serve(device);
  }

  #isReachable(device: OwnedDevice): boolean {
    return isReachable(device, this.#ports.settings, this.#ports.clock.monotonicMs());
  }

  /** What was put back, and what came after it, waits. */
  #isHeldBack({ putBack }: OwnedDevice): boolean {
    return putBack !== undefined && !putBack.ended && this.#ports.clock.wallMs() < putBack.retryAtMs;
  }

  #isInHandOrOver(request: RequestRef): boolean {
    const known = this.#known.get(nameOf(request));
    return known?.inHand === true || known?.ended === true || this.#answers.has(request);
  }

  #know({ tenant, endpoint, requestId, contentType, expiresAtMs }: Request): Known {
    const ref = { tenant, endpoint, requestId, contentType };
    const known = this.#known.get(nameOf(ref));
    if (known !== undefined) return known;
    const item: Known = {
      ref,
      expiresAtMs,
      inHand: false,
      underWay: false,
      ended: false,
      told: false,
      sent: false,
      timeouts: 0,
      sentAtMs: 0,
      retryAtMs: 0,
      dueMs: 0,
      place: NOT_QUEUED,
    };
    this.#known.set(nameOf(ref), item);
    this.#watch(item);
    return item;
  }

  #watch(item: Known): void {
    const { expiresAtMs, retryAtMs } = item;
    const isPutBack = this.#ports.clock.wallMs() < retryAtMs;
    this.#due.handle({ item, dueMs: isPutBack ? Math.min(expiresAtMs, retryAtMs) : expiresAtMs });
  }

  #forget(known: Known): void {
    known.ended = true;
    this.#known.delete(nameOf(known.ref));
    this.#due.handle({ item: known, dueMs: undefined });
    const device = this.#ports.ownership.byDevice(known.ref.tenant, known.ref.endpoint);
    if (device !== undefined) this.serve(device); // What came after it may have waited for it.
  }

  /** A request lapsed, or is to be tried again. */
  #act(known: Known): void {
    if (known.ended || known.underWay) return;
    const { ownership, clock } = this.#ports;
    const device = ownership.byDevice(known.ref.tenant, known.ref.endpoint);
    if (device === undefined) {
      this.#forget(known); // Of a device that is another's by now, that one tells.
    } else if (clock.wallMs() >= known.expiresAtMs) {
      void this.#finish(known.ref, lapsed(known));
    } else {
      this.#watch(known);
      device.requestsWait = true;
      this.serve(device);
    }
  }

  #progress(device: OwnedDevice, { requestId }: RequestRef, progress: lwm2m.v1.RpcProgress): void {
    const { records, clock, random, unpublished } = this.#ports;
    void records.status(nextHead(device, random(16), clock.wallMs()), { requestId, progress }).catch(unpublished);
  }

  async #finish(request: RequestRef, given: Answer): Promise<void> {
    const known = this.#known.get(nameOf(request));
    if (known !== undefined) known.ended = true;
    const final = encodeAnswer(request, given, this.#ports);
    const finished = await finishRequest(final, this.#ports);
    if (!finished && !this.#answers.hold(final)) {
      const device = this.#ports.ownership.byDevice(request.tenant, request.endpoint);
      if (device !== undefined) device.requestsWait = true;
    }
    if (known !== undefined) this.#forget(known);
  }
}

/** The first datagram leaves within so much of asking for the gate, ms: who then takes over may rely on it. */
const LEAVES_WITHIN_MS = 1_000;
/** A request that lapses within so much is not tried again, ms. */
const LAPSES_SOON_MS = 1_000;
const LOST = "The operation may have been carried out before";
const LEFT =
  "After the operation had been sent, the device registered anew, moved to another address or closed its DTLS session, or its node gave it up: the operation may have been carried out";
const SILENT =
  "The device sleeps, did not answer what was asked before, or has been silent for too long to be reached where it was last heard: ask without failFast to wait for it";
const HELD_UP =
  "The operation was not sent: its device registered anew, or this node, or what another device at the same address was being asked, held it up after it had been cleared to leave, and nobody may send it later. Ask again with a new requestId";

/** The answer to a request that does not wait for a device that cannot be reached now. */
function outOfReach({ link }: OwnedDevice, operation: Operation): Answer {
  return link === "closed" ? formatNoAnswer(operation, "notConnected") : answer("UNREACHABLE", SILENT);
}

/** The answer to a request that wants none of the device. */
const HANDED_OVER: Answer = { status: "SUCCESSFUL", result: "", code: 0, nodes: [] };

/** `undefined` when its bytes are damaged. */
function readStored(stored: WaitingRequest): Request | undefined {
  try {
    return storedRequest(stored);
  } catch {
    // protobufjs throws Error, RangeError and TypeError for bytes that are no message.
    return undefined;
  }
}

function lapsed(known: Known | undefined): Answer {
  return known?.sent
    ? answer("TIMEOUT", "The device did not answer before the request lapsed")
    : answer("EXPIRED", "The request lapsed before it could be carried out: give it more time where the device sleeps");
}

function exhausted(retries: number): string {
  return `There was a Timeout and all retry attempts have been exhausted. Retry attempts set: ${retries}`;
}

/** The answer when the device's makes no sense, or what was asked cannot be encoded. */
function invalidAnswer(device: OwnedDevice, operation: Operation, error: Lwm2mError): Answer {
  return error instanceof UnexpectedResponseError
    ? formatUnexpectedResponse(operation, device.endpoint, error)
    : formatUnencodable(operation, error.message);
}
