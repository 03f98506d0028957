import assert from "node:assert";
import { CODE, formatCode, type Machine } from "@ferry/coap";
import {
  type AccountKeys,
  type BootstrapDiscovery,
  type BootstrapOperation,
  type CoapRequest,
  type CoapResponse,
  formatContentFormat,
  formatPath,
  fromBootstrapResponse,
  hasUnnamedServers,
  isSuccess,
  type LwM2mVersion,
  ObjectLinksError,
  type OperationOutcome,
  parseBootstrapDiscovery,
  shortServerIdsOf,
  toBootstrapRequest,
  UnencodableContentError,
  UnexpectedResponseError,
  withShortServerIds,
} from "@ferry/lwm2m";
import { writeFormats } from "./formats.ts";
import { type BootstrapPlan, type BootstrapTarget, planBootstrap } from "./plan.ts";
import { withServerKeys } from "./target.ts";

/** What a {@link BootstrapSession} depends on. */
export interface BootstrapSessionSettings {
  readonly target: BootstrapTarget;
  /** Whether a pre-shared key for LwM2M servers is asked for before it is written: until then the target has an empty one. */
  readonly needsKey: boolean;
  /** `pct` of the Bootstrap-Request. */
  readonly preferredFormat: number | undefined;
  /** LwM2M version and Content-Formats that the device had when it last registered; undefined and none when nobody knows. What it says itself counts more. */
  readonly registeredVersion: LwM2mVersion | undefined;
  readonly registeredFormats: readonly number[];
  /** How long the session may take over all. */
  readonly timeoutMs: number;
}

/** What a session takes. There is one request, or key that is asked for, in hand at most, so answers need no name. */
export type BootstrapInput =
  /** The Bootstrap-Request was answered with 2.04; comes once, first. */
  | { readonly type: "start" }
  /** The device answered the request in hand. */
  | ({ readonly type: "response" } & CoapResponse)
  /** There is no answer to the request in hand; `reason` for a person, such as "timeout". */
  | { readonly type: "failed"; readonly reason: string }
  /** The key that was asked for, in force by now; or why there is none, for a person. */
  | PreSharedKey
  | { readonly type: "noKey"; readonly reason: string }
  /** The session is given up: the device asked again, or this process ends. */
  | { readonly type: "cancel"; readonly reason: string };

type PreSharedKey = Extract<AccountKeys, { type: "psk" }>;

/** What a session gives back, in the order in which it is to be performed. After `done` or `failed` there is nothing more. */
export type BootstrapOutput =
  | { readonly type: "request"; readonly operation: BootstrapOperation["type"]; readonly request: CoapRequest }
  /** A key for LwM2M servers is to be put in force. Who has answered Discover is where it asked from; of others nothing is known but a datagram. */
  | { readonly type: "needKey" }
  /** The request, or key, in hand is to be given up: nobody waits for it. */
  | { readonly type: "cancelRequest" }
  | BootstrapStep
  | { readonly type: "done" }
  | BootstrapFailure;

/** A request has been answered, or was in vain. */
export interface BootstrapStep {
  readonly type: "step";
  readonly step: BootstrapOperation["type"];
  readonly outcome: "success" | "refused" | "noAnswer";
  /** As text, `/0/1`; undefined of Finish. */
  readonly path: string | undefined;
  /** `2.04`; undefined when there was no answer. */
  readonly code: string | undefined;
  /** Why it was in vain, what followed from the answer, or what a plan that is finished left out; undefined when there is nothing to say. */
  readonly reason: string | undefined;
  /** What the device has been given; of a Finish that succeeded only. */
  readonly written?: BootstrapTarget;
}

/** The session has come to nothing; what was written stays, and the next session writes it again. */
export interface BootstrapFailure {
  readonly type: "failed";
  readonly cause: "refused" | "noAnswer" | "noKey" | "deadline" | "cancelled";
  /** Of the request in hand; undefined of Finish and where there was none. */
  readonly path: string | undefined;
  /** Names the operation and what is wrong with it, in one sentence. */
  readonly reason: string;
}

/**
 * One bootstrap of one device: Discover, the plan that follows from it, its operations one at a time, Finish (OMA LwM2M Core 1.1.1 §6.1.6). Sans-IO.
 *
 * ```
 *  start ─> Discover ─> Read /1, where a Server did not say its short server id ─> a key, where one is to be made ─> Delete … ─> Write … ─> Finish ─> done
 *              │                                                                                 │                      │           │           │
 *              └─ refused: LwM2M 1.0 goes on without it, later versions fail                     └─ none: failed        └─ refused, or no answer: failed
 * ```
 *
 * A list of instances that cannot be read fails the session: it may name the account by which the device comes, and what is not known may be written over.
 *
 * Half an account is none: the first refused Write ends the session. That a Delete finds nothing (4.04) is what was wanted.
 */
export class BootstrapSession implements Machine<BootstrapInput, BootstrapOutput> {
  readonly #settings: BootstrapSessionSettings;
  #deadlineMs: number | undefined;
  #started = false;
  /** The request in hand. */
  #current: BootstrapOperation | undefined;
  #discovery: BootstrapDiscovery | undefined;
  #awaitsKey = false;
  #plan: BootstrapPlan | undefined;
  /** What is to be done yet, after the plan is made. */
  #waiting: BootstrapOperation[] = [];
  /** To write with, best first: those that the device refused are gone. */
  #formats: readonly number[] = [];

  constructor(settings: BootstrapSessionSettings) {
    this.#settings = settings;
  }

  /** On the clock of `nowMs`; undefined before the start and after the end. */
  get deadlineMs(): number | undefined {
    return this.#deadlineMs;
  }

  handle(input: BootstrapInput, nowMs: number): BootstrapOutput[] {
    const out: BootstrapOutput[] = [];
    if (input.type === "start") {
      assert(!this.#started, "a session starts once");
      this.#started = true;
      this.#deadlineMs = nowMs + this.#settings.timeoutMs;
      this.#send({ type: "discover", path: [] }, out);
    } else if (input.type === "cancel") {
      if (this.#deadlineMs !== undefined) this.#giveUp("cancelled", input.reason, out);
    } else if (input.type === "psk" || input.type === "noKey") {
      if (this.#awaitsKey) this.#keyed(input, out);
    } else if (this.#current !== undefined) {
      const operation = this.#current;
      this.#current = undefined;
      if (input.type === "response") this.#answered(operation, input, out);
      else this.#unanswered(operation, input.reason, out);
    }
    return out;
  }

  tick(nowMs: number): BootstrapOutput[] {
    const out: BootstrapOutput[] = [];
    if (this.#deadlineMs !== undefined && nowMs >= this.#deadlineMs) {
      this.#giveUp("deadline", `it took longer than ${this.#settings.timeoutMs / 1000} s`, out);
    }
    return out;
  }

  #answered(operation: BootstrapOperation, response: CoapResponse, out: BootstrapOutput[]): void {
    switch (operation.type) {
      case "discover":
        this.#discovered(operation, response, out);
        return;
      case "read":
        this.#read(operation, response, out);
        return;
      case "write":
        this.#written(operation, response, out);
        return;
      case "delete": {
        const outcome = fromBootstrapResponse(operation, response);
        if (!isSuccess(outcome) && response.code !== CODE.NOT_FOUND) {
          this.#refused(operation, response, outcome, out);
          return;
        }
        out.push(succeeded(operation, response));
        this.#next(out);
        return;
      }
      case "finish":
        this.#finished(operation, response, out);
    }
  }

  #discovered(operation: BootstrapOperation, response: CoapResponse, out: BootstrapOutput[]): void {
    const fault = this.#parse(operation, response, ({ links = "" }) => {
      this.#discovery = parseBootstrapDiscovery(links);
    });
    if (fault !== undefined) {
      out.push(refusal(operation, response, fault.reason));
      // An answer that cannot be read is of a device that knows Discover.
      if (fault.type === "refused" && this.#version === "1.0") this.#proceed(out);
      else this.#fail("refused", operation, fault.reason, out);
      return;
    }
    out.push(succeeded(operation, response));
    const discovery = this.#discovery as BootstrapDiscovery; // Parsed just now.
    this.#discovery = { ...discovery, version: this.#version };
    if (this.#version !== "1.0" && hasUnnamedServers(discovery)) {
      this.#formats = this.#writeFormats();
      this.#send({ type: "read", path: [SERVER] }, out);
      return;
    }
    this.#proceed(out);
  }

  /** A device that does not answer it tells of no more instances; those without a short server id are then not touched. */
  #read(operation: BootstrapOperation, response: CoapResponse, out: BootstrapOutput[]): void {
    const fault = this.#parse(operation, response, ({ node }) => {
      if (node === undefined || this.#discovery === undefined) return;
      this.#discovery = withShortServerIds(this.#discovery, shortServerIdsOf(node));
    });
    out.push(fault === undefined ? succeeded(operation, response) : refusal(operation, response, fault.reason));
    this.#proceed(out);
  }

  /** What is wrong with an answer that is to be parsed; undefined when nothing is. */
  #parse(
    operation: BootstrapOperation,
    response: CoapResponse,
    use: (outcome: OperationOutcome) => void,
  ): Fault | undefined {
    try {
      const outcome = fromBootstrapResponse(operation, response);
      if (!isSuccess(outcome)) return { type: "refused", reason: refusalText(response, outcome) };
      use(outcome);
      return undefined;
    } catch (error) {
      if (error instanceof UnexpectedResponseError || error instanceof ObjectLinksError)
        return { type: "unreadable", reason: error.message };
      throw error;
    }
  }

  #written(operation: BootstrapOperation, response: CoapResponse, out: BootstrapOutput[]): void {
    const outcome = fromBootstrapResponse(operation, response);
    const [format, ...others] = this.#formats;
    if (response.code === CODE.UNSUPPORTED_CONTENT_FORMAT && format !== undefined && others.length > 0) {
      this.#formats = others;
      out.push(refusal(operation, response, `${formatContentFormat(format)} is not known to the device: tried again`));
      this.#send(operation, out);
      return;
    }
    if (!isSuccess(outcome)) {
      this.#refused(operation, response, outcome, out);
      return;
    }
    out.push(succeeded(operation, response));
    this.#next(out);
  }

  #finished(operation: BootstrapOperation, response: CoapResponse, out: BootstrapOutput[]): void {
    const outcome = fromBootstrapResponse(operation, response);
    if (!isSuccess(outcome)) {
      const isInconsistent = response.code === CODE.NOT_ACCEPTABLE;
      this.#refused(operation, response, outcome, out, isInconsistent ? INCONSISTENT : "");
      return;
    }
    const { written, omission } = this.#plan as BootstrapPlan; // Its last operation was answered just now.
    out.push({ ...succeeded(operation, response), reason: omission, written }, { type: "done" });
    this.#deadlineMs = undefined;
  }

  /** All is known of the device. */
  #proceed(out: BootstrapOutput[]): void {
    if (this.#settings.needsKey) {
      this.#awaitsKey = true;
      out.push({ type: "needKey" });
    } else this.#begin(this.#settings.target, out);
  }

  #keyed(input: Extract<BootstrapInput, { type: "psk" | "noKey" }>, out: BootstrapOutput[]): void {
    this.#awaitsKey = false;
    if (input.type === "psk") this.#begin(withServerKeys(this.#settings.target, input), out);
    else this.#fail("noKey", undefined, input.reason, out);
  }

  #begin(target: BootstrapTarget, out: BootstrapOutput[]): void {
    this.#formats = this.#writeFormats();
    this.#plan = planBootstrap(target, this.#discovery);
    this.#waiting = [...this.#plan.operations, { type: "finish" }];
    this.#next(out);
  }

  /** By what the device said, what it said before, and that `pct` is not of 1.0. */
  get #version(): LwM2mVersion {
    const { registeredVersion, preferredFormat } = this.#settings;
    return this.#discovery?.version ?? registeredVersion ?? (preferredFormat === undefined ? "1.0" : "1.1");
  }

  #writeFormats(): readonly number[] {
    return writeFormats(this.#settings.preferredFormat, this.#settings.registeredFormats, this.#version);
  }

  #next(out: BootstrapOutput[]): void {
    const operation = this.#waiting.shift();
    assert(operation !== undefined, "a plan ends with Finish");
    this.#send(operation, out);
  }

  #send(operation: BootstrapOperation, out: BootstrapOutput[]): void {
    const [format = 0] = this.#formats; // Discover comes before there are any, and needs none.
    try {
      const request = toBootstrapRequest(operation, format);
      this.#current = operation;
      out.push({ type: "request", operation: operation.type, request });
    } catch (error) {
      if (!(error instanceof UnencodableContentError)) throw error;
      this.#fail("refused", operation, `${formatContentFormat(format)} cannot carry it: ${error.message}`, out);
    }
  }

  #refused(
    operation: BootstrapOperation,
    response: CoapResponse,
    outcome: OperationOutcome,
    out: BootstrapOutput[],
    explanation = "",
  ): void {
    const reason = refusalText(response, outcome) + explanation;
    out.push(refusal(operation, response, reason));
    this.#fail("refused", operation, reason, out);
  }

  #unanswered(operation: BootstrapOperation, reason: string, out: BootstrapOutput[]): void {
    const text = `no answer: ${reason}`;
    out.push({
      type: "step",
      step: operation.type,
      outcome: "noAnswer",
      path: pathOf(operation),
      code: undefined,
      reason: text,
    });
    this.#fail("noAnswer", operation, text, out);
  }

  /** Ends it from outside. */
  #giveUp(cause: "deadline" | "cancelled", reason: string, out: BootstrapOutput[]): void {
    const operation = this.#current;
    if (operation !== undefined || this.#awaitsKey) out.push({ type: "cancelRequest" });
    this.#fail(cause, operation, reason, out);
  }

  #fail(
    cause: BootstrapFailure["cause"],
    operation: BootstrapOperation | undefined,
    what: string,
    out: BootstrapOutput[],
  ): void {
    this.#current = undefined;
    this.#awaitsKey = false;
    this.#waiting = [];
    this.#deadlineMs = undefined;
    const path = operation && pathOf(operation);
    const reason = operation === undefined ? what : `${nameOf(operation)}: ${what}`;
    out.push({ type: "failed", cause, path, reason });
  }
}

/** What is wrong with an answer; `reason` for a person. */
interface Fault {
  readonly type: "refused" | "unreadable";
  readonly reason: string;
}

/** Object of servers. */
const SERVER = 1;

/** OMA LwM2M Core 1.1.1 §6.1.6: a client answers Finish with 4.06 when what it was given does not fit together. */
const INCONSISTENT =
  ": the device finds its accounts inconsistent; compare the profile's servers with what the device had";

function succeeded(operation: BootstrapOperation, response: CoapResponse): BootstrapStep {
  return {
    type: "step",
    step: operation.type,
    outcome: "success",
    path: pathOf(operation),
    code: formatCode(response.code),
    reason: undefined,
  };
}

function refusal(operation: BootstrapOperation, response: CoapResponse, reason: string): BootstrapStep {
  return { ...succeeded(operation, response), outcome: "refused", reason };
}

/** `4.00 "no such object"`. */
function refusalText(response: CoapResponse, { diagnostic }: OperationOutcome): string {
  const code = formatCode(response.code);
  return diagnostic === undefined ? code : `${code} ${JSON.stringify(diagnostic)}`;
}

function pathOf(operation: BootstrapOperation): string | undefined {
  return operation.type === "finish" ? undefined : formatPath(operation.path);
}

/** `Bootstrap-Write /0/1`. */
function nameOf(operation: BootstrapOperation): string {
  const name = `Bootstrap-${operation.type.charAt(0).toUpperCase()}${operation.type.slice(1)}`;
  return operation.type === "finish" ? name : `${name} ${formatPath(operation.path)}`;
}
