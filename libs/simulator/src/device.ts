import assert from "node:assert";
import {
  CODE,
  CONTENT_FORMAT,
  CoapStack,
  type CoapStackSettings,
  codeClass,
  type ExchangeId,
  type FailureReason,
  formatLinkFormat,
  type Handle,
  type Machine,
  OPTION,
  type PeerKey,
  type Random,
  type Received,
  type StackInput,
  type StackOutput,
  stringOption,
  type TransmissionParameters,
  uintOption,
} from "@ferry/coap";
import {
  encodeTimedValues,
  flattenNode,
  isWithin,
  type LwM2mPath,
  type LwM2mVersion,
  type ResourceValue,
  type TimedValue,
} from "@ferry/lwm2m";
import { SECURITY, SERVER } from "./bootstrap/account-resources.ts";
import type {
  DeviceEvent,
  DeviceInput,
  DeviceObservation,
  DeviceOutput,
  ObservationEnd,
  Report,
  SentNotification,
  ServerUplink,
} from "./device-io.ts";
import { type Observing, parseDownlink } from "./downlink.ts";
import { earliest } from "./earliest.ts";
import { VERSION_ABILITIES } from "./lwm2m-versions.ts";
import { type AssignedAttributes, AttributeTable } from "./notification-attributes.ts";
import { ObjectTree, type SimulatedObject } from "./object-tree.ts";
import { standardObjects } from "./objects/standard-objects.ts";
import { type Observation, ObservationTable } from "./observation-table.ts";
import {
  type Answer,
  compositeAnswer,
  contentAnswer,
  performDownlink,
  type Target,
  toRefusal,
} from "./perform-downlink.ts";
import { DEFAULT_AWAKE_MS, type PowerSaving, Radio } from "./radio.ts";
import { RegistrationClient, type UplinkRequest } from "./registration-client.ts";

export interface SimulatedDeviceSettings {
  readonly endpoint: string;
  /** The server, as datagrams name it. */
  readonly server: PeerKey;
  readonly random: Random;
  /** 300 s by default. */
  readonly lifetimeS?: number;
  /** `1.1` by default. It decides the operations, attributes and content formats that the device knows. */
  readonly lwm2mVersion?: LwM2mVersion;
  /** Binding mode, `U` by default. */
  readonly bindingMode?: string;
  /** Registers with queue mode: the server is to expect that the device sleeps. False by default. */
  readonly queueMode?: boolean;
  /** When it listens. By default always; with `queueMode` for 93 s after it last sent something. */
  readonly power?: PowerSaving;
  /** Content formats that it has, by preference; those of its version by default. Others are answered 4.06 and 4.15. */
  readonly contentFormats?: readonly number[];
  /** {@link standardObjects} by default. */
  readonly objects?: readonly SimulatedObject[];
  /** What the device holds, in place of `objects`, where others hold it too. */
  readonly tree?: ObjectTree;
  /** Instance of the Server object (1) that is about this server; 0 by default. */
  readonly serverInstanceId?: number;
  /** Resources that change by themselves from the first registration on. */
  readonly signals?: readonly Signal[];
  /** What it reports by itself (LwM2M Send) from the first registration on. */
  readonly reports?: readonly PeriodicReport[];
  /** Whether notifications are CON (the default) or NON. */
  readonly confirmable?: boolean;
  /** Acknowledges requests at once and answers them this much later; 0, the default, answers in the ACK. */
  readonly responseDelayMs?: number;
  readonly transmission?: Partial<TransmissionParameters>;
  /** Scripts answers: a CoAP code, or a whole answer, to a request, `silent` not to answer it; undefined lets the device answer. */
  readonly override?: (request: Received) => number | Answer | "silent" | undefined;
}

/** A resource that changes by itself. */
export interface Signal {
  readonly path: LwM2mPath;
  readonly intervalMs: number;
  /** The value after `n` intervals, from 1. */
  readonly value: (n: number) => ResourceValue;
}

/** Values that a device collects and reports (LwM2M Send, OMA LwM2M Core 1.1.1 §6.4.5). */
export interface PeriodicReport {
  readonly paths: readonly LwM2mPath[];
  readonly intervalMs: number;
  /** Times that the values are taken for one Send, evenly in the interval; 1 by default. */
  readonly samples?: number;
  /** What the device's clock showed at time 0 of its input, ms since 1970: gives values times of their own. Without it they have none. */
  readonly epochMs?: number;
  /** SenML CBOR (the default) or SenML JSON. */
  readonly format?: number;
}

/** Disable Timeout when the server object names none (OMA LwM2M Core 1.1.1 appendix E.2), s. */
const DEFAULT_DISABLE_TIMEOUT_S = 86_400;

interface RunningReport {
  readonly report: PeriodicReport;
  /** Values that wait to be sent. */
  readonly taken: TimedValue[];
  n: number;
  dueMs: number | undefined;
}

/** What an exchange of the device's own is about. */
type OwnExchange =
  | { readonly type: "uplink"; readonly uplink: ServerUplink; readonly values: readonly TimedValue[] }
  | { readonly type: "notification"; readonly observation: Observation; readonly sent: SentNotification };

/**
 * An LwM2M client: registers and keeps its registration up, answers every operation, notifies.
 *
 * A protocol core: datagrams, commands and time in, datagrams and events out.
 */
export class SimulatedDevice implements Machine<DeviceInput, DeviceOutput> {
  readonly endpoint: string;
  readonly #settings: SimulatedDeviceSettings;
  readonly #stack: CoapStack;
  readonly #registration: RegistrationClient;
  readonly #radio: Radio;
  readonly #tree: ObjectTree;
  readonly #target: Target;
  readonly #attributes = new AttributeTable();
  readonly #observations = new ObservationTable((path) => this.#attributesOf(path));
  readonly #exchanges = new Map<ExchangeId, OwnExchange>();
  readonly #signals: readonly { readonly signal: Signal; n: number; dueMs: number | undefined }[];
  readonly #reports: readonly RunningReport[];
  /** Answers that wait for `responseDelayMs`, in the order in which they are due. */
  readonly #delayed: { readonly dueMs: number; readonly respond: StackInput }[] = [];
  readonly #serverInstanceId: number;
  #lastExchange = 0;
  #lastNotification = 0;

  constructor(settings: SimulatedDeviceSettings) {
    const { endpoint, random, transmission, lifetimeS = 300, lwm2mVersion = "1.1" } = settings;
    const {
      bindingMode = "U",
      queueMode = false,
      power = queueMode ? { awakeMs: DEFAULT_AWAKE_MS } : undefined,
    } = settings;
    this.endpoint = endpoint;
    this.#settings = settings;
    const stack: CoapStackSettings = transmission === undefined ? { random } : { random, parameters: transmission };
    this.#stack = new CoapStack(stack);
    this.#registration = new RegistrationClient({ endpoint, lwm2mVersion, bindingMode, queueMode, lifetimeS, random });
    this.#radio = new Radio(power);
    this.#tree = settings.tree ?? new ObjectTree(settings.objects ?? standardObjects(lifetimeS));
    this.#serverInstanceId = settings.serverInstanceId ?? 0;
    const abilities = VERSION_ABILITIES[lwm2mVersion];
    const contentFormats = settings.contentFormats ?? abilities.contentFormats;
    this.#target = { ...abilities, contentFormats, tree: this.#tree, attributes: this.#attributes };
    this.#signals = (settings.signals ?? []).map((signal) => ({ signal, n: 0, dueMs: undefined }));
    this.#reports = (settings.reports ?? []).map((report) => ({ report, taken: [], n: 0, dueMs: undefined }));
    const intervals = [...this.#signals.map(({ signal }) => signal), ...this.#reports.map(({ report }) => report)];
    assert(
      intervals.every(({ intervalMs }) => intervalMs > 0),
      "a signal or report needs an interval",
    );
  }

  /** Whether the server took its registration, and the device did not give it up since. */
  get registered(): boolean {
    return this.#registration.registered;
  }

  handle(input: DeviceInput, nowMs: number): DeviceOutput[] {
    const out: DeviceOutput[] = [];
    switch (input.type) {
      case "datagram":
        if (this.#radio.listens(nowMs)) this.#feed(input, nowMs, out);
        else out.push({ type: "missed" });
        break;
      case "register":
        this.#register(nowMs, out);
        break;
      case "update":
        if (input.lifetimeS !== undefined) this.#setLifetime(input.lifetimeS);
        this.#update(nowMs, out);
        break;
      case "deregister":
        this.#deregister(nowMs, out);
        break;
      case "set":
        this.#set(input.path, input.value);
        break;
      case "report":
        this.#report(this.#valuesOf(input), input.format, nowMs, out);
        break;
      case "changed":
        this.#mark([]);
        break;
      case "bootstrap":
      case "resolved":
        // It knows its server, by address.
        break;
    }
    this.#performDue(nowMs, out);
    return out;
  }

  tick(nowMs: number): DeviceOutput[] {
    const out: DeviceOutput[] = [];
    for (const output of this.#stack.tick(nowMs)) this.#react(output, nowMs, out);
    this.#performDue(nowMs, out);
    return out;
  }

  get deadlineMs(): number | undefined {
    return earliest([
      this.#stack.deadlineMs,
      this.#registration.deadlineMs,
      this.#observations.deadlineMs,
      this.#delayed[0]?.dueMs,
      ...this.#signals.map(({ dueMs }) => dueMs),
      ...this.#reports.map(({ dueMs }) => dueMs),
    ]);
  }

  #performDue(nowMs: number, out: DeviceOutput[]): void {
    while (this.#delayed[0] !== undefined && this.#delayed[0].dueMs <= nowMs) {
      const { respond } = this.#delayed[0];
      this.#delayed.shift();
      this.#feed(respond, nowMs, out);
    }
    for (const running of this.#signals) {
      while (running.dueMs !== undefined && running.dueMs <= nowMs) {
        running.dueMs += running.signal.intervalMs;
        running.n++;
        this.#set(running.signal.path, running.signal.value(running.n));
      }
    }
    for (const running of this.#reports) {
      while (running.dueMs !== undefined && running.dueMs <= nowMs) this.#sample(running, running.dueMs, nowMs, out);
    }
    const uplink = this.#registration.due(nowMs);
    if (uplink === "register") this.#register(nowMs, out);
    if (uplink === "update") this.#update(nowMs, out);
    for (const observation of this.#observations.due(nowMs)) this.#notify(observation, nowMs, out);
  }

  #feed(input: StackInput, nowMs: number, out: DeviceOutput[]): void {
    for (const output of this.#stack.handle(input, nowMs)) this.#react(output, nowMs, out);
  }

  #react(output: StackOutput, nowMs: number, out: DeviceOutput[]): void {
    switch (output.type) {
      case "send":
        this.#radio.sent(nowMs);
        out.push(output);
        break;
      case "request":
        this.#serve(output.handle, output, nowMs, out);
        break;
      case "response":
        this.#settleUplink(output.exchange, output, nowMs, out);
        break;
      case "notification":
        // A device observes nobody.
        this.#feed({ type: "reset", handle: output.handle }, nowMs, out);
        break;
      case "delivered":
      case "failed":
        this.#settleExchange(output.exchange, output.type === "failed" ? output.reason : undefined, nowMs, out);
        break;
      case "acknowledged":
      case "dropped":
        break;
    }
  }

  #register(nowMs: number, out: DeviceOutput[]): void {
    this.#giveUpUplinks(nowMs, out);
    this.#endObservations(out);
    this.#send(this.#registration.register(this.#objectLinks()), nowMs, out);
  }

  #update(nowMs: number, out: DeviceOutput[]): void {
    const request = this.#registration.update(this.#objectLinks());
    if (request !== undefined) this.#send(request, nowMs, out);
  }

  #deregister(nowMs: number, out: DeviceOutput[]): void {
    this.#giveUpUplinks(nowMs, out);
    this.#endObservations(out);
    const request = this.#registration.deregister();
    if (request !== undefined) this.#send(request, nowMs, out);
  }

  /** What is under way towards the server must not hold up, nor come after, what is sent now. */
  #giveUpUplinks(nowMs: number, out: DeviceOutput[]): void {
    for (const [exchange, own] of this.#exchanges) {
      if (own.type !== "uplink") continue;
      this.#exchanges.delete(exchange);
      this.#feed({ type: "cancel", exchange }, nowMs, out);
    }
  }

  #valuesOf(report: Report): readonly TimedValue[] {
    if ("values" in report) return report.values;
    return report.paths.flatMap((path) => {
      const node = this.#tree.readable(path);
      return node === undefined ? [] : flattenNode(path, node);
    });
  }

  /** Takes the values of a periodic report; sends them with the last sample of the interval. */
  #sample(running: RunningReport, takenMs: number, nowMs: number, out: DeviceOutput[]): void {
    const { paths, intervalMs, samples = 1, epochMs, format } = running.report;
    const values = this.#valuesOf({ paths });
    running.taken.push(
      ...(epochMs === undefined ? values : values.map((it) => ({ ...it, timeMs: epochMs + takenMs }))),
    );
    running.n++;
    running.dueMs = takenMs + intervalMs / samples;
    if (running.n % samples === 0) this.#report(running.taken.splice(0), format, nowMs, out);
  }

  #report(
    values: readonly TimedValue[],
    format: number = CONTENT_FORMAT.SENML_CBOR,
    nowMs: number,
    out: DeviceOutput[],
  ): void {
    if (values.length === 0 || !this.#registration.registered) return;
    if (this.#tree.value(this.#own(SERVER.muteSend))?.value === true) {
      out.push({ type: "muted" });
      return;
    }
    const request: UplinkRequest = {
      uplink: "report",
      code: CODE.POST,
      options: [stringOption(OPTION.URI_PATH, "dp"), uintOption(OPTION.CONTENT_FORMAT, format)],
      payload: encodeTimedValues(format, values),
    };
    this.#send(request, nowMs, out, values);
  }

  #send(request: UplinkRequest, nowMs: number, out: DeviceOutput[], values: readonly TimedValue[] = []): void {
    const { uplink, code, options, payload } = request;
    const exchange = ++this.#lastExchange;
    this.#exchanges.set(exchange, { type: "uplink", uplink, values });
    this.#feed({ type: "request", exchange, peer: this.#settings.server, code, options, payload }, nowMs, out);
  }

  #settleUplink(exchange: ExchangeId, response: Received, nowMs: number, out: DeviceOutput[]): void {
    const own = this.#exchanges.get(exchange);
    this.#exchanges.delete(exchange);
    if (own?.type !== "uplink") return;
    if (own.uplink === "report") {
      const accepted = codeClass(response.code) === 2;
      out.push(
        accepted
          ? { type: "reported", values: own.values }
          : { type: "refused", uplink: own.uplink, code: response.code },
      );
      return;
    }
    const event = this.#registration.settle(own.uplink, response, nowMs);
    out.push(event);
    if (event.type !== "registered") return;
    for (const running of this.#signals) running.dueMs ??= nowMs + running.signal.intervalMs;
    for (const running of this.#reports) {
      running.dueMs ??= nowMs + running.report.intervalMs / (running.report.samples ?? 1);
    }
  }

  /** A notification was acknowledged, or an exchange failed. */
  #settleExchange(exchange: ExchangeId, reason: FailureReason | undefined, nowMs: number, out: DeviceOutput[]): void {
    const own = this.#exchanges.get(exchange);
    this.#exchanges.delete(exchange);
    if (own === undefined) return;
    if (own.type === "notification") {
      this.#settleNotification(own.observation, own.sent, reason, out);
    } else if (reason !== undefined) {
      const { uplink } = own;
      out.push(
        uplink === "report" ? { type: "unanswered", uplink, reason } : this.#registration.fail(uplink, reason, nowMs),
      );
    }
  }

  /** The root is quoted as OMA LwM2M Core 1.1.1 §6.2.1 shows it; a single Content-Format needs no quotes. */
  #objectLinks(): string {
    const { contentFormats } = this.#target;
    const formats = contentFormats.length === 1 ? contentFormats[0] : `"${contentFormats.join(" ")}"`;
    const objects = this.#tree
      .list()
      .filter(({ model }) => model.id !== SECURITY.object)
      .flatMap(({ model, instances }) => [
        { target: `/${model.id}`, attributes: [{ name: "ver", value: model.version }] },
        ...instances.map((id) => ({ target: `/${model.id}/${id}`, attributes: [] })),
      ]);
    return `</>;rt="oma.lwm2m";ct=${formats},${formatLinkFormat(objects)}`;
  }

  /** Answers a request of the server, then does what follows from it. */
  #serve(handle: Handle, request: Received, nowMs: number, out: DeviceOutput[]): void {
    const scripted = this.#settings.override?.(request);
    if (scripted === "silent") {
      this.#feed({ type: "abandon", handle }, nowMs, out);
      return;
    }
    const { answer, event } =
      scripted === undefined ? this.#answer(request, nowMs) : { answer: toAnswer(scripted), event: undefined };
    this.#respond(handle, answer, nowMs, out);
    if (event === undefined) return;
    out.push(event);
    this.#follow(event, nowMs, out);
  }

  #respond(handle: Handle, answer: Answer, nowMs: number, out: DeviceOutput[]): void {
    const { responseDelayMs = 0 } = this.#settings;
    const respond: StackInput = { type: "respond", handle, ...answer };
    if (responseDelayMs === 0) {
      this.#feed(respond, nowMs, out);
    } else {
      this.#delayed.push({ dueMs: nowMs + responseDelayMs, respond });
      this.#feed({ type: "acknowledge", handle }, nowMs, out);
    }
  }

  #answer({ code, options, payload, token }: Received, nowMs: number): { answer: Answer; event: DeviceEvent } {
    try {
      const downlink = parseDownlink(code, options, payload, this.#target);
      switch (downlink.type) {
        case "observe":
          return this.#observe(downlink, token, nowMs);
        case "cancelObservation":
          return this.#cancelObservation(downlink, token);
        default:
          break;
      }
      const { answer, event, changed = [] } = performDownlink(downlink, this.#target);
      for (const path of changed) this.#mark(path);
      return { answer, event };
    } catch (error) {
      const { response, message, diagnostic } = toRefusal(error);
      return {
        answer: { code: response, payload: Buffer.from(diagnostic) },
        event: { type: "requestRefused", code: response, diagnostic: message },
      };
    }
  }

  /** What the device does of its own accord after a request. */
  #follow(event: DeviceEvent, nowMs: number, out: DeviceOutput[]): void {
    switch (event.type) {
      case "written":
      case "writtenComposite": {
        const lifetimeS = integerOf(this.#tree.value(this.#own(SERVER.lifetime)));
        if (lifetimeS !== undefined && lifetimeS !== this.#registration.lifetimeS) {
          this.#registration.lifetimeS = lifetimeS;
          this.#update(nowMs, out);
        }
        break;
      }
      case "executed":
        if (this.#isOwn(event.path, SERVER.registrationUpdateTrigger)) this.#update(nowMs, out);
        if (this.#isOwn(event.path, SERVER.disable)) {
          const timeoutS = integerOf(this.#tree.value(this.#own(SERVER.disableTimeout))) ?? DEFAULT_DISABLE_TIMEOUT_S;
          this.#deregister(nowMs, out);
          this.#registration.comeBackAt(nowMs + timeoutS * 1000);
        }
        break;
      case "created":
      case "deleted":
        // The server is to know the instances there are (OMA LwM2M Core 1.1.1 §6.2.2).
        this.#update(nowMs, out);
        break;
      default:
        break;
    }
  }

  #observe(observing: Observing, token: Uint8Array, nowMs: number): { answer: Answer; event: DeviceEvent } {
    const { answer, nodes } = this.#tell(observing);
    const known = this.#observations.find(token);
    if (known === undefined && this.#observations.full) return { answer, event: readEvent(observing) };

    const observation = this.#observations.add(token, observing, nodes, nowMs);
    return {
      answer: { ...answer, options: [uintOption(OPTION.OBSERVE, observation.sequence), ...answer.options] },
      event: { type: "observed", observation: nameOf(observation) },
    };
  }

  #cancelObservation(observing: Observing, token: Uint8Array): { answer: Answer; event: DeviceEvent } {
    const { answer } = this.#tell(observing);
    const observation = this.#observations.find(token);
    if (observation === undefined) return { answer, event: readEvent(observing) };
    this.#observations.remove(observation);
    return { answer, event: ended(observation, "cancelled") };
  }

  /** What is at the paths of an observation now. @throws {RequestRefusedError} there is nothing at its only path, or its format cannot carry that */
  #tell({ paths, composite, accept }: Pick<Observing, "paths" | "composite" | "accept">): {
    readonly answer: Required<Answer>;
    readonly nodes: SentNotification["nodes"];
  } {
    const [path = []] = paths;
    if (composite) {
      const nodes = paths.map((it) => this.#tree.readable(it));
      return { answer: compositeAnswer(paths, nodes, accept, this.#target), nodes };
    }
    const node = this.#tree.read(path);
    return { answer: contentAnswer(node, path, accept, this.#target), nodes: [node] };
  }

  #notify(observation: Observation, nowMs: number, out: DeviceOutput[]): void {
    if (!observation.composite && this.#tree.readable(observation.paths[0] ?? []) === undefined) {
      // The last notification says that there is nothing more (RFC 7641 §4.2).
      this.#observations.remove(observation);
      out.push(ended(observation, "gone"));
      const confirmable = this.#settings.confirmable ?? true;
      this.#sendNotification(observation, { code: CODE.NOT_FOUND }, ++this.#lastExchange, confirmable, nowMs, out);
      return;
    }
    const { answer: content, nodes } = this.#tell(observation);
    const confirmable = this.#isConfirmable(observation);
    observation.sequence = (observation.sequence + 1) % 2 ** 24;
    observation.lastSentMs = nowMs;
    observation.lastNodes = nodes;
    observation.changed = false;
    observation.outstanding = confirmable;
    const sent = { observation: nameOf(observation), notification: ++this.#lastNotification, confirmable, nodes };
    const answer = { ...content, options: [uintOption(OPTION.OBSERVE, observation.sequence), ...content.options] };
    out.push({ type: "notified", ...sent });
    const exchange = ++this.#lastExchange;
    if (confirmable) this.#exchanges.set(exchange, { type: "notification", observation, sent });
    this.#sendNotification(observation, answer, exchange, confirmable, nowMs, out);
  }

  /** The attribute `con` goes before the device's own habit (OMA LwM2M Core 1.2 §7.3.2). */
  #isConfirmable({ paths }: Observation): boolean {
    const asked = paths.map((path) => this.#attributesOf(path).con).find((con) => con !== undefined);
    return asked === undefined ? (this.#settings.confirmable ?? true) : asked === 1;
  }

  #sendNotification(
    { tokenBytes: token }: Observation,
    { code, options = [], payload = new Uint8Array() }: Answer,
    exchange: ExchangeId,
    confirmable: boolean,
    nowMs: number,
    out: DeviceOutput[],
  ): void {
    const { server: peer } = this.#settings;
    this.#feed({ type: "notify", exchange, peer, token, code, options, payload, confirmable }, nowMs, out);
  }

  #settleNotification(
    observation: Observation,
    sent: SentNotification,
    reason: FailureReason | undefined,
    out: DeviceOutput[],
  ): void {
    observation.outstanding = false;
    if (reason === undefined) {
      out.push({ type: "delivered", ...sent });
      return;
    }
    out.push({ type: "undelivered", reason, ...sent });
    if ((reason === "reset" || reason === "timeout") && this.#observations.remove(observation)) {
      out.push(ended(observation, reason));
    }
  }

  #endObservations(out: DeviceOutput[]): void {
    for (const observation of this.#observations.list()) {
      this.#observations.remove(observation);
      out.push(ended(observation, "registration"));
    }
  }

  #setLifetime(value: number): void {
    const path = this.#own(SERVER.lifetime);
    const isUnsigned = this.#tree.value(path)?.type === "UNSIGNED_INTEGER";
    this.#set(path, { type: isUnsigned ? "UNSIGNED_INTEGER" : "INTEGER", value });
  }

  #set(path: LwM2mPath, value: ResourceValue): void {
    if (this.#isOwn(path, SERVER.lifetime)) this.#registration.lifetimeS = Number(value.value);
    if (this.#tree.set(path, value)) this.#mark(path);
  }

  /** A resource of the Server instance that is about this server. */
  #own(resource: number): LwM2mPath {
    return [SERVER.object, this.#serverInstanceId, resource];
  }

  #isOwn(path: LwM2mPath, resource: number): boolean {
    return path.length === 3 && isWithin(path, this.#own(resource));
  }

  #mark(path: LwM2mPath): void {
    this.#observations.mark(path, (observed) => this.#tree.readable(observed));
  }

  /** Attributes that hold at a path; the server object names the periods where nothing else does (OMA LwM2M Core 1.1.1 §5.1.2). */
  #attributesOf(path: LwM2mPath): AssignedAttributes {
    const defaults: AssignedAttributes = {
      pmin: integerOf(this.#tree.value(this.#own(SERVER.defaultMinimumPeriod))) ?? 0,
      pmax: integerOf(this.#tree.value(this.#own(SERVER.defaultMaximumPeriod))) ?? 0,
    };
    return { ...defaults, ...this.#attributes.effective(path) };
  }
}

/** Which integers are unsigned differs between the versions of the Server object. */
function integerOf(value: ResourceValue | undefined): number | undefined {
  return value?.type === "INTEGER" || value?.type === "UNSIGNED_INTEGER" ? Number(value.value) : undefined;
}

function toAnswer(scripted: number | Answer): Answer {
  return typeof scripted === "number" ? { code: scripted } : scripted;
}

function readEvent({ paths, composite }: Observing): DeviceEvent {
  return composite ? { type: "readComposite", paths } : { type: "read", path: paths[0] ?? [] };
}

function nameOf({ token, paths, composite }: Observation): DeviceObservation {
  return { token, paths, composite };
}

function ended(observation: Observation, reason: ObservationEnd): DeviceEvent {
  return { type: "observationEnded", observation: nameOf(observation), reason };
}
