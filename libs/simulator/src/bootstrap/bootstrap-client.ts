import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  CoapStack,
  codeClass,
  type FailureReason,
  type Handle,
  type Machine,
  OPTION,
  type PeerKey,
  type Random,
  type Received,
  readUintOption,
  type StackInput,
  type StackOutput,
  stringOption,
  type TransmissionParameters,
  uintOption,
} from "@ferry/coap";
import { COMPOSITE_FORMATS, CONTENT_FORMATS } from "@ferry/lwm2m";
import type { DeviceEvent, DeviceInput, DeviceOutput } from "../device-io.ts";
import { earliest } from "../earliest.ts";
import { notAllowed, RequestRefusedError } from "../errors.ts";
import { type Answer, toRefusal } from "../perform-downlink.ts";
import { SECURITY } from "./account-resources.ts";
import { bootstrapAccount, isBootstrapAccount, serverAccounts } from "./accounts.ts";
import { applyPack, type BootstrapTarget, parseBootstrapDownlink, performBootstrap } from "./bootstrap-downlink.ts";

export interface BootstrapClientSettings extends BootstrapTarget {
  readonly endpoint: string;
  /** The bootstrap server, as datagrams name it. */
  readonly server: PeerKey;
  readonly random: Random;
  /** Asks for a Bootstrap-Pack (LwM2M 1.2), and only when that is refused to be bootstrapped step by step; false by default. */
  readonly pack?: boolean;
  /** After how long without a request of the server it asks again; {@link BOOTSTRAP_TIMEOUT_MS} by default. */
  readonly timeoutMs?: number;
  readonly transmission?: Partial<TransmissionParameters>;
}

/** EXCHANGE_LIFETIME (RFC 7252 §4.8.2): a bootstrap in which nothing was asked for so long has been given up by the server, ms. */
export const BOOTSTRAP_TIMEOUT_MS = 247_000;
/** MAX_TRANSMIT_WAIT (RFC 7252 §4.8.2): for so long the server may repeat its Bootstrap-Finish, and is answered, ms. */
export const LEAVE_AFTER_MS = 93_000;
/** Max-Age of an answer that names none (RFC 7252 §5.10.5). */
const DEFAULT_MAX_AGE_S = 60;
/** A Bootstrap-Request follows an unanswered one after 1 to 5 s. */
const RETRY_MIN_MS = 1000;
const RETRY_SPREAD_MS = 4000;
const MAX_DIAGNOSTIC_CHARACTERS = 200;
/** There is one exchange of the client's own at a time. */
const BOOTSTRAP_REQUEST = 1;

/**
 * The device's side of the bootstrap interface (OMA LwM2M Core 1.1.1 §6.1): asks for a bootstrap when told to (`bootstrap`), again when nobody answers
 * or finishes, and serves the bootstrap server meanwhile.
 *
 * Ends with `bootstrapped`, and with `bootstrapLeft` once repeats of Bootstrap-Finish need no more answer. A protocol core.
 */
export class BootstrapClient implements Machine<DeviceInput, DeviceOutput> {
  readonly #settings: BootstrapClientSettings;
  readonly #stack: CoapStack;
  #state: "idle" | "asked" | "serving" | "finished" = "idle";
  /** When to ask again or, once it is finished, to leave. */
  #dueMs: number | undefined;
  /** Until that has been refused. */
  #asksForPack: boolean;

  constructor(settings: BootstrapClientSettings) {
    this.#settings = settings;
    this.#asksForPack = settings.pack === true && settings.lwm2mVersion === "1.2";
    const { random, transmission } = settings;
    this.#stack = new CoapStack(transmission === undefined ? { random } : { random, parameters: transmission });
  }

  get finished(): boolean {
    return this.#state === "finished";
  }

  handle(input: DeviceInput, nowMs: number): DeviceOutput[] {
    const out: DeviceOutput[] = [];
    if (input.type === "datagram") this.#feed(input, nowMs, out);
    if (input.type === "bootstrap") this.#ask(nowMs, out);
    return out;
  }

  tick(nowMs: number): DeviceOutput[] {
    const out: DeviceOutput[] = [];
    for (const output of this.#stack.tick(nowMs)) this.#react(output, nowMs, out);
    if (this.#dueMs === undefined || this.#dueMs > nowMs) return out;
    this.#dueMs = undefined;
    if (this.#state === "finished") {
      out.push({ type: "bootstrapLeft" });
    } else {
      if (this.#state === "serving") out.push({ type: "bootstrapAbandoned" });
      this.#ask(nowMs, out);
    }
    return out;
  }

  get deadlineMs(): number | undefined {
    return earliest([this.#stack.deadlineMs, this.#dueMs]);
  }

  #ask(nowMs: number, out: DeviceOutput[]): void {
    this.#feed({ type: "cancel", exchange: BOOTSTRAP_REQUEST }, nowMs, out);
    this.#state = "asked";
    this.#dueMs = undefined;
    const { server: peer } = this.#settings;
    const request = this.#asksForPack ? this.#packRequest() : this.#bootstrapRequest();
    this.#feed(
      { type: "request", exchange: BOOTSTRAP_REQUEST, peer, payload: new Uint8Array(), ...request },
      nowMs,
      out,
    );
  }

  #bootstrapRequest(): { readonly code: number; readonly options: readonly CoapOption[] } {
    const options = [
      stringOption(OPTION.URI_PATH, "bs"),
      stringOption(OPTION.URI_QUERY, `ep=${this.#settings.endpoint}`),
      ...this.#preferredFormat().map((format) => stringOption(OPTION.URI_QUERY, `pct=${format}`)),
    ];
    return { code: CODE.POST, options };
  }

  /** Says where the account of the bootstrap server is (OMA LwM2M Core 1.2 §6.1.7.8). */
  #packRequest(): { readonly code: number; readonly options: readonly CoapOption[] } {
    const { endpoint, tree, contentFormats } = this.#settings;
    const accounts = tree.instanceIds(SECURITY.object).filter((id) => isBootstrapAccount(tree, id));
    const format = contentFormats.find((it) => COMPOSITE_FORMATS.includes(it)) ?? CONTENT_FORMAT.SENML_CBOR;
    const options = [
      stringOption(OPTION.URI_PATH, "bspack"),
      stringOption(OPTION.URI_QUERY, `ep=${endpoint}`),
      stringOption(OPTION.URI_QUERY, `acc=${accounts.join()}`),
      uintOption(OPTION.ACCEPT, format),
    ];
    return { code: CODE.GET, options };
  }

  /** Since LwM2M 1.1 a device says which format it wants its objects in (OMA LwM2M Core 1.1.1 §6.1.7.1). */
  #preferredFormat(): readonly number[] {
    const { lwm2mVersion, contentFormats } = this.#settings;
    if (lwm2mVersion === "1.0") return [];
    const carriesNodes = (format: number): boolean =>
      CONTENT_FORMATS.some(({ id, carries }) => id === format && carries === "nodes");
    return contentFormats.filter(carriesNodes).slice(0, 1);
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
        this.#settle(output, nowMs, out);
        break;
      case "failed":
        this.#fail(output.reason, nowMs, out);
        break;
      case "notification":
        // A device observes nobody.
        this.#feed({ type: "reset", handle: output.handle }, nowMs, out);
        break;
      case "delivered":
      case "acknowledged":
      case "dropped":
        break;
    }
  }

  /** The server may have begun, and even finished, before its answer arrived. */
  #settle(response: Received, nowMs: number, out: DeviceOutput[]): void {
    const { code, options, payload } = response;
    if (this.#asksForPack && code !== CODE.SERVICE_UNAVAILABLE) {
      this.#settlePack(response, nowMs, out);
      return;
    }
    if (codeClass(code) === 2) {
      if (this.#state === "asked") this.#serveOn(nowMs);
      return;
    }
    if (this.finished) return;
    const diagnostic = Buffer.from(payload).toString("utf8").slice(0, MAX_DIAGNOSTIC_CHARACTERS);
    out.push({ type: "refused", uplink: "bootstrap", code, ...(diagnostic === "" ? {} : { diagnostic }) });
    this.#state = "idle";
    // An overloaded server is asked again when it said; one that refuses is left alone.
    const maxAgeS = readUintOption(options, OPTION.MAX_AGE) ?? DEFAULT_MAX_AGE_S;
    this.#dueMs = codeClass(code) === 5 ? nowMs + maxAgeS * 1000 : undefined;
  }

  /** A pack that is refused, or not good, leaves the steps. */
  #settlePack({ code, options, payload }: Received, nowMs: number, out: DeviceOutput[]): void {
    const event = codeClass(code) === 2 ? this.#takePack(options, payload) : undefined;
    if (event !== undefined) out.push(event);
    if (event?.type === "bootstrapped") {
      this.#finish(nowMs);
    } else {
      this.#asksForPack = false;
      this.#ask(nowMs, out);
    }
  }

  #takePack(options: readonly CoapOption[], payload: Uint8Array): DeviceEvent {
    try {
      applyPack(readUintOption(options, OPTION.CONTENT_FORMAT), payload, this.#settings);
      return { type: "bootstrapped", shortServerIds: this.#expectAccounts() };
    } catch (error) {
      return toRefused(error).event;
    }
  }

  #finish(nowMs: number): void {
    this.#state = "finished";
    this.#dueMs = nowMs + LEAVE_AFTER_MS;
  }

  /** Short ids of the servers that the device got. @throws {RequestRefusedError} an account cannot be used */
  #expectAccounts(): readonly number[] {
    const { tree } = this.#settings;
    bootstrapAccount(tree); // Its account, too, is to be usable.
    return serverAccounts(tree).map(({ shortServerId }) => shortServerId);
  }

  #fail(reason: FailureReason, nowMs: number, out: DeviceOutput[]): void {
    out.push({ type: "unanswered", uplink: "bootstrap", reason });
    if (this.#state !== "asked") return;
    const [random = 0] = this.#settings.random(1);
    this.#dueMs = nowMs + RETRY_MIN_MS + (random / 256) * RETRY_SPREAD_MS;
  }

  #serveOn(nowMs: number): void {
    this.#state = "serving";
    this.#dueMs = nowMs + (this.#settings.timeoutMs ?? BOOTSTRAP_TIMEOUT_MS);
  }

  #serve(handle: Handle, request: Received, nowMs: number, out: DeviceOutput[]): void {
    const { answer, event } = this.#answer(request);
    this.#feed({ type: "respond", handle, ...answer }, nowMs, out);
    out.push(event);
    if (event.type === "bootstrapped") {
      this.#finish(nowMs);
    } else if (request.peer === this.#settings.server && this.#isUnderWay) {
      this.#serveOn(nowMs);
    }
  }

  get #isUnderWay(): boolean {
    return this.#state === "asked" || this.#state === "serving";
  }

  #answer({ peer, code, options, payload }: Received): { answer: Answer; event: DeviceEvent } {
    const { server } = this.#settings;
    try {
      if (peer !== server) throw new RequestRefusedError(CODE.UNAUTHORIZED, "only the bootstrap server may ask", "");
      if (!this.#isUnderWay) throw notAllowed("a bootstrap that nobody asked for");
      const downlink = parseBootstrapDownlink(code, options, payload);
      if (downlink.type === "finish") {
        const shortServerIds = this.#expectAccounts();
        return { answer: { code: CODE.CHANGED }, event: { type: "bootstrapped", shortServerIds } };
      }
      const answer = performBootstrap(downlink, this.#settings);
      return { answer, event: { type: "bootstrapServed", operation: downlink.type, path: downlink.path } };
    } catch (error) {
      return toRefused(error);
    }
  }
}

/** What is answered to a request that cannot be, and told of it; rethrows what is our own fault. */
function toRefused(error: unknown): { answer: Answer; event: DeviceEvent } {
  const { response, message, diagnostic } = toRefusal(error);
  return {
    answer: { code: response, payload: Buffer.from(diagnostic) },
    event: { type: "requestRefused", code: response, diagnostic: message },
  };
}
