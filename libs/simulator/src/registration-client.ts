import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  codeClass,
  type FailureReason,
  OPTION,
  type Random,
  type Received,
  readStringOptions,
  readUintOption,
  stringOption,
  uintOption,
} from "@ferry/coap";
import type { LwM2mVersion } from "@ferry/lwm2m";
import type { DeviceEvent, ServerUplink } from "./device-io.ts";

/** A request to the server, ready to be sent. */
export interface UplinkRequest {
  readonly uplink: ServerUplink;
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

export interface RegistrationSettings {
  readonly endpoint: string;
  readonly lwm2mVersion: LwM2mVersion;
  readonly bindingMode: string;
  readonly queueMode: boolean;
  readonly lifetimeS: number;
  readonly random: Random;
}

/** Share of the lifetime after which a registration is updated. */
const UPDATE_AFTER = 0.8;
/** Max-Age of an answer that names none (RFC 7252 §5.10.5). */
const DEFAULT_MAX_AGE_S = 60;
/** A Register follows an unanswered one, or an unanswered Update, after 1 to 5 s. */
const RETRY_MIN_MS = 1000;
const RETRY_SPREAD_MS = 4000;

/** The device's side of the registration interface: what to send next, and when (OMA LwM2M Core 1.1.1 §6.2). */
export class RegistrationClient {
  lifetimeS: number;
  readonly #settings: RegistrationSettings;
  /** Path of the registration at the server; undefined without one. */
  #location: readonly string[] | undefined;
  /** Object links as the server knows them. */
  #objectLinks = "";
  #next: { readonly uplink: "register" | "update"; readonly dueMs: number } | undefined;

  constructor(settings: RegistrationSettings) {
    this.#settings = settings;
    this.lifetimeS = settings.lifetimeS;
  }

  get registered(): boolean {
    return this.#location !== undefined;
  }

  /** When the next Register or Update is due. */
  get deadlineMs(): number | undefined {
    return this.#next?.dueMs;
  }

  /** What is due at `nowMs`, if anything. */
  due(nowMs: number): "register" | "update" | undefined {
    return this.#next !== undefined && this.#next.dueMs <= nowMs ? this.#next.uplink : undefined;
  }

  register(objectLinks: string): UplinkRequest {
    const { endpoint, lwm2mVersion } = this.#settings;
    this.#location = undefined;
    this.#next = undefined;
    this.#objectLinks = objectLinks;
    const query = [`ep=${endpoint}`, `lt=${this.lifetimeS}`, `lwm2m=${lwm2mVersion}`, ...this.#binding()];
    return {
      uplink: "register",
      code: CODE.POST,
      options: [
        stringOption(OPTION.URI_PATH, "rd"),
        uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT),
        ...query.map((parameter) => stringOption(OPTION.URI_QUERY, parameter)),
      ],
      payload: Buffer.from(objectLinks),
    };
  }

  /** Queue mode is a letter of the binding mode in LwM2M 1.0, and a parameter of its own since (OMA LwM2M Core 1.1.1 §6.2.1). */
  #binding(): string[] {
    const { lwm2mVersion, bindingMode, queueMode } = this.#settings;
    if (!queueMode) return [`b=${bindingMode}`];
    return lwm2mVersion === "1.0" ? [`b=${bindingMode}Q`] : [`b=${bindingMode}`, "Q"];
  }

  /** Registers again at `dueMs`. */
  comeBackAt(dueMs: number): void {
    this.#next = { uplink: "register", dueMs };
  }

  /** The Update; it carries the object links when they changed. Undefined without a registration. */
  update(objectLinks: string): UplinkRequest | undefined {
    if (this.#location === undefined) return undefined;
    this.#next = undefined;
    const changed = objectLinks !== this.#objectLinks;
    this.#objectLinks = objectLinks;
    return {
      uplink: "update",
      code: CODE.POST,
      options: [
        ...this.#location.map((segment) => stringOption(OPTION.URI_PATH, segment)),
        ...(changed ? [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)] : []),
        stringOption(OPTION.URI_QUERY, `lt=${this.lifetimeS}`),
      ],
      payload: Buffer.from(changed ? objectLinks : ""),
    };
  }

  /** The Deregister, after which nothing is due any more. Undefined without a registration. */
  deregister(): UplinkRequest | undefined {
    const location = this.#location;
    this.#location = undefined;
    this.#next = undefined;
    if (location === undefined) return undefined;
    const options = location.map((segment) => stringOption(OPTION.URI_PATH, segment));
    return { uplink: "deregister", code: CODE.DELETE, options, payload: new Uint8Array() };
  }

  /** Takes the answer to a Register, Update or Deregister. */
  settle(uplink: "register" | "update" | "deregister", response: Received, nowMs: number): DeviceEvent {
    if (codeClass(response.code) !== 2) {
      this.#afterRefusal(uplink, response, nowMs);
      return { type: "refused", uplink, code: response.code };
    }
    switch (uplink) {
      case "register":
        this.#location = readStringOptions(response.options, OPTION.LOCATION_PATH);
        this.#scheduleUpdate(nowMs);
        return { type: "registered", location: `/${this.#location.join("/")}` };
      case "update":
        this.#scheduleUpdate(nowMs);
        return { type: "updated" };
      case "deregister":
        return { type: "deregistered" };
    }
  }

  /** No answer came. */
  fail(uplink: "register" | "update" | "deregister", reason: FailureReason, nowMs: number): DeviceEvent {
    if (uplink !== "deregister") {
      const [random = 0] = this.#settings.random(1);
      this.#next = { uplink: "register", dueMs: nowMs + RETRY_MIN_MS + (random / 256) * RETRY_SPREAD_MS };
    }
    return { type: "unanswered", uplink, reason };
  }

  /** An overloaded server is asked again when it said; one that does not know the registration gets a new one; one that refuses it is left alone. */
  #afterRefusal(uplink: ServerUplink, { code, options }: Received, nowMs: number): void {
    if (uplink !== "register" && uplink !== "update") return;
    if (codeClass(code) === 5) {
      const maxAgeS = readUintOption(options, OPTION.MAX_AGE) ?? DEFAULT_MAX_AGE_S;
      this.#next = { uplink, dueMs: nowMs + maxAgeS * 1000 };
    } else if (uplink === "update") {
      this.#next = { uplink: "register", dueMs: nowMs };
    }
  }

  /** A lifetime of 0 has no end (OMA LwM2M Core 1.1.1 appendix E.2). */
  #scheduleUpdate(nowMs: number): void {
    if (this.lifetimeS <= 0) return;
    this.#next = { uplink: "update", dueMs: nowMs + this.lifetimeS * 1000 * UPDATE_AFTER };
  }
}
