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
import { encodeContent, type LwM2mNode, type LwM2mPath, type ResourceValue } from "@ferry/lwm2m";
import type {
  DeviceEvent,
  DeviceInput,
  DeviceOutput,
  ObservationEnd,
  SentNotification,
  UplinkType,
} from "./device-io.ts";
import { type Observing, parseDownlink } from "./downlink.ts";
import { earliest } from "./earliest.ts";
import { RequestRefusedError } from "./errors.ts";
import { type AssignedAttributes, AttributeTable } from "./notification-attributes.ts";
import { ObjectTree, type SimulatedObject } from "./object-tree.ts";
import { standardObjects } from "./objects/standard-objects.ts";
import { type Observation, ObservationTable } from "./observation-table.ts";
import { type Answer, contentAnswer, DEVICE_FORMATS, performDownlink, toRefusal } from "./perform-downlink.ts";
import { RegistrationClient, type UplinkRequest } from "./registration-client.ts";

export interface SimulatedDeviceSettings {
  readonly endpoint: string;
  /** The server, as datagrams name it. */
  readonly server: PeerKey;
  readonly random: Random;
  /** 300 s by default. */
  readonly lifetimeS?: number;
  /** `1.1` by default. */
  readonly lwm2mVersion?: string;
  /** Binding mode, `U` by default. */
  readonly bindingMode?: string;
  /** {@link standardObjects} by default. */
  readonly objects?: readonly SimulatedObject[];
  /** Resources that change by themselves from the first registration on. */
  readonly signals?: readonly Signal[];
  /** Whether notifications are CON (the default) or NON. */
  readonly confirmable?: boolean;
  /** Acknowledges requests at once and answers them this much later; 0, the default, answers in the ACK. */
  readonly responseDelayMs?: number;
  readonly transmission?: Partial<TransmissionParameters>;
  /** Scripts answers: a CoAP code to answer a request with, `silent` not to answer it; undefined lets the device answer. */
  readonly override?: (request: Received) => number | "silent" | undefined;
}

/** A resource that changes by itself. */
export interface Signal {
  readonly path: LwM2mPath;
  readonly intervalMs: number;
  /** The value after `n` intervals, from 1. */
  readonly value: (n: number) => ResourceValue;
}

const SERVER_OBJECT = 1;
const LIFETIME: LwM2mPath = [SERVER_OBJECT, 0, 1];
const DEFAULT_MINIMUM_PERIOD: LwM2mPath = [SERVER_OBJECT, 0, 2];
const DEFAULT_MAXIMUM_PERIOD: LwM2mPath = [SERVER_OBJECT, 0, 3];
const REGISTRATION_UPDATE_TRIGGER: LwM2mPath = [SERVER_OBJECT, 0, 8];

/** What an exchange of the device's own is about. */
type OwnExchange =
  | { readonly type: "uplink"; readonly uplink: UplinkType; readonly path: LwM2mPath }
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
  readonly #tree: ObjectTree;
  readonly #attributes = new AttributeTable();
  readonly #observations = new ObservationTable((path) => this.#attributesOf(path));
  readonly #exchanges = new Map<ExchangeId, OwnExchange>();
  readonly #signals: readonly { readonly signal: Signal; n: number; dueMs: number | undefined }[];
  /** Answers that wait for `responseDelayMs`, in the order in which they are due. */
  readonly #delayed: { readonly dueMs: number; readonly respond: StackInput }[] = [];
  #lastExchange = 0;
  #lastNotification = 0;

  constructor(settings: SimulatedDeviceSettings) {
    const { endpoint, random, transmission, lifetimeS = 300, lwm2mVersion = "1.1", bindingMode = "U" } = settings;
    this.endpoint = endpoint;
    this.#settings = settings;
    const stack: CoapStackSettings = transmission === undefined ? { random } : { random, parameters: transmission };
    this.#stack = new CoapStack(stack);
    this.#registration = new RegistrationClient({ endpoint, lwm2mVersion, bindingMode, lifetimeS, random });
    this.#tree = new ObjectTree(settings.objects ?? standardObjects(lifetimeS));
    this.#signals = (settings.signals ?? []).map((signal) => ({ signal, n: 0, dueMs: undefined }));
    assert(
      this.#signals.every(({ signal }) => signal.intervalMs > 0),
      "a signal needs an interval",
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
        this.#feed(input, nowMs, out);
        break;
      case "register":
        this.#register(nowMs, out);
        break;
      case "update":
        if (input.lifetimeS !== undefined) this.#set(LIFETIME, { type: "INTEGER", value: input.lifetimeS });
        this.#update(nowMs, out);
        break;
      case "deregister":
        this.#deregister(nowMs, out);
        break;
      case "set":
        this.#set(input.path, input.value);
        break;
      case "report":
        this.#report(input.path, nowMs, out);
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
    this.#send(this.#registration.register(this.#objectLinks()), [], nowMs, out);
  }

  #update(nowMs: number, out: DeviceOutput[]): void {
    const request = this.#registration.update(this.#objectLinks());
    if (request !== undefined) this.#send(request, [], nowMs, out);
  }

  #deregister(nowMs: number, out: DeviceOutput[]): void {
    this.#giveUpUplinks(nowMs, out);
    this.#endObservations(out);
    const request = this.#registration.deregister();
    if (request !== undefined) this.#send(request, [], nowMs, out);
  }

  /** What is under way towards the server must not hold up, nor come after, what is sent now. */
  #giveUpUplinks(nowMs: number, out: DeviceOutput[]): void {
    for (const [exchange, own] of this.#exchanges) {
      if (own.type !== "uplink") continue;
      this.#exchanges.delete(exchange);
      this.#feed({ type: "cancel", exchange }, nowMs, out);
    }
  }

  #report(path: LwM2mPath, nowMs: number, out: DeviceOutput[]): void {
    const node = this.#readable(path);
    if (node === undefined) return;
    const format = CONTENT_FORMAT.SENML_CBOR;
    const request: UplinkRequest = {
      uplink: "report",
      code: CODE.POST,
      options: [stringOption(OPTION.URI_PATH, "dp"), uintOption(OPTION.CONTENT_FORMAT, format)],
      payload: encodeContent(format, node, path),
    };
    this.#send(request, path, nowMs, out);
  }

  #send(request: UplinkRequest, path: LwM2mPath, nowMs: number, out: DeviceOutput[]): void {
    const { uplink, code, options, payload } = request;
    const exchange = ++this.#lastExchange;
    this.#exchanges.set(exchange, { type: "uplink", uplink, path });
    this.#feed({ type: "request", exchange, peer: this.#settings.server, code, options, payload }, nowMs, out);
  }

  #settleUplink(exchange: ExchangeId, response: Received, nowMs: number, out: DeviceOutput[]): void {
    const own = this.#exchanges.get(exchange);
    this.#exchanges.delete(exchange);
    if (own?.type !== "uplink") return;
    if (own.uplink === "report") {
      const accepted = codeClass(response.code) === 2;
      out.push(
        accepted ? { type: "reported", path: own.path } : { type: "refused", uplink: own.uplink, code: response.code },
      );
      return;
    }
    const event = this.#registration.settle(own.uplink, response, nowMs);
    out.push(event);
    if (event.type !== "registered") return;
    for (const running of this.#signals) running.dueMs ??= nowMs + running.signal.intervalMs;
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

  #objectLinks(): string {
    const root = {
      target: "/",
      attributes: [
        { name: "rt", value: "oma.lwm2m" },
        { name: "ct", value: DEVICE_FORMATS.join(" ") },
      ],
    };
    const objects = this.#tree
      .list()
      .flatMap(({ model, instances }) => [
        { target: `/${model.id}`, attributes: [{ name: "ver", value: model.version }] },
        ...instances.map((id) => ({ target: `/${model.id}/${id}`, attributes: [] })),
      ]);
    return formatLinkFormat([root, ...objects]);
  }

  /** Answers a request of the server, then does what follows from it. */
  #serve(handle: Handle, request: Received, nowMs: number, out: DeviceOutput[]): void {
    const scripted = this.#settings.override?.(request);
    if (scripted === "silent") {
      this.#feed({ type: "abandon", handle }, nowMs, out);
      return;
    }
    const { answer, event } =
      scripted === undefined ? this.#answer(request, nowMs) : { answer: { code: scripted }, event: undefined };
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
      const downlink = parseDownlink(code, options, payload);
      switch (downlink.type) {
        case "observe":
          return this.#observe(downlink, token, nowMs);
        case "cancelObservation":
          return this.#cancelObservation(downlink, token);
        default:
          break;
      }
      const { answer, event, changed } = performDownlink(downlink, this.#tree, this.#attributes);
      if (changed !== undefined) this.#mark(changed);
      return { answer, event };
    } catch (error) {
      const { response, message } = toRefusal(error);
      return {
        answer: { code: response, payload: Buffer.from(message) },
        event: { type: "requestRefused", code: response, diagnostic: message },
      };
    }
  }

  /** What the device does of its own accord after a request. */
  #follow(event: DeviceEvent, nowMs: number, out: DeviceOutput[]): void {
    switch (event.type) {
      case "written": {
        const lifetime = this.#tree.value(LIFETIME);
        if (lifetime?.type === "INTEGER" && Number(lifetime.value) !== this.#registration.lifetimeS) {
          this.#registration.lifetimeS = Number(lifetime.value);
          this.#update(nowMs, out);
        }
        break;
      }
      case "executed":
        if (event.path.join() === REGISTRATION_UPDATE_TRIGGER.join()) this.#update(nowMs, out);
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

  #observe({ path, accept }: Observing, token: Uint8Array, nowMs: number): { answer: Answer; event: DeviceEvent } {
    const node = this.#tree.read(path);
    const answer = contentAnswer(node, path, accept);
    const known = this.#observations.find(token);
    if (known === undefined && this.#observations.full) return { answer, event: { type: "read", path } };

    const format = accept ?? CONTENT_FORMAT.LWM2M_TLV;
    const observation = this.#observations.add(token, path, format, node, nowMs);
    return {
      answer: { ...answer, options: [uintOption(OPTION.OBSERVE, observation.sequence), ...answer.options] },
      event: { type: "observed", observation: { token: observation.token, path } },
    };
  }

  #cancelObservation({ path, accept }: Observing, token: Uint8Array): { answer: Answer; event: DeviceEvent } {
    const answer = contentAnswer(this.#tree.read(path), path, accept);
    const observation = this.#observations.find(token);
    if (observation === undefined) return { answer, event: { type: "read", path } };
    this.#observations.remove(observation);
    return { answer, event: ended(observation, "cancelled") };
  }

  #notify(observation: Observation, nowMs: number, out: DeviceOutput[]): void {
    const node = this.#readable(observation.path);
    if (node === undefined) {
      // The last notification says that there is nothing more (RFC 7641 §4.2).
      this.#observations.remove(observation);
      out.push(ended(observation, "gone"));
      this.#sendNotification(observation, { code: CODE.NOT_FOUND }, ++this.#lastExchange, nowMs, out);
      return;
    }
    const { confirmable = true } = this.#settings;
    observation.sequence = (observation.sequence + 1) % 2 ** 24;
    observation.lastSentMs = nowMs;
    observation.lastNode = node;
    observation.changed = false;
    observation.outstanding = confirmable;
    const { token, path } = observation;
    const sent = { observation: { token, path }, notification: ++this.#lastNotification, confirmable, node };
    const content = contentAnswer(node, path, observation.format);
    const answer = { ...content, options: [uintOption(OPTION.OBSERVE, observation.sequence), ...content.options] };
    out.push({ type: "notified", ...sent });
    const exchange = ++this.#lastExchange;
    if (confirmable) this.#exchanges.set(exchange, { type: "notification", observation, sent });
    this.#sendNotification(observation, answer, exchange, nowMs, out);
  }

  #sendNotification(
    { tokenBytes: token }: Observation,
    { code, options = [], payload = new Uint8Array() }: Answer,
    exchange: ExchangeId,
    nowMs: number,
    out: DeviceOutput[],
  ): void {
    const { server: peer, confirmable = true } = this.#settings;
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

  #set(path: LwM2mPath, value: ResourceValue): void {
    if (path.join() === LIFETIME.join()) this.#registration.lifetimeS = Number(value.value);
    if (this.#tree.set(path, value)) this.#mark(path);
  }

  #mark(path: LwM2mPath): void {
    this.#observations.mark(path, (observed) => this.#readable(observed));
  }

  #readable(path: LwM2mPath): LwM2mNode | undefined {
    try {
      return this.#tree.read(path);
    } catch (error) {
      if (error instanceof RequestRefusedError) return undefined;
      throw error;
    }
  }

  /** Attributes that hold at a path; the server object names the periods where nothing else does (OMA LwM2M Core 1.1.1 §5.1.2). */
  #attributesOf(path: LwM2mPath): AssignedAttributes {
    const defaults: AssignedAttributes = {
      pmin: periodS(this.#tree.value(DEFAULT_MINIMUM_PERIOD)),
      pmax: periodS(this.#tree.value(DEFAULT_MAXIMUM_PERIOD)),
    };
    return { ...defaults, ...this.#attributes.effective(path) };
  }
}

function periodS(value: ResourceValue | undefined): number {
  return value?.type === "INTEGER" ? Number(value.value) : 0;
}

function ended({ token, path }: Observation, reason: ObservationEnd): DeviceEvent {
  return { type: "observationEnded", observation: { token, path }, reason };
}
