import type { CoapOption } from "@ferry/coap";

/** What a device asks on the registration and reporting interfaces (OMA LwM2M Core 1.1.1 §6.2, §6.4.5), or why it is refused. */
export type Uplink = Register | Update | Deregister | Send | Refusal;

/** POST /rd. */
export interface Register {
  readonly type: "register";
  /** Undefined when the device left it to its credentials; over NoSec that is refused, with {@link MISSING_ENDPOINT}. */
  readonly endpoint: string | undefined;
  /** 86400 when the device named none. */
  readonly lifetimeS: number;
  readonly lwm2mVersion: LwM2mVersion;
  /** Letters of `b`, without `Q`; `U` when the device named none. */
  readonly bindingMode: string;
  readonly queueMode: boolean;
  readonly smsNumber?: string;
  /** Objects and Object Instances as the device sent them; they have been checked with `parseObjectLinks`. */
  readonly objectLinks: string;
  /** Query parameters that the standard does not know. */
  readonly additionalParameters: Readonly<Record<string, string>>;
}

/** POST /rd/{id}: what is absent stays as it was. */
export interface Update {
  readonly type: "update";
  readonly registrationId: string;
  readonly lifetimeS?: number;
  /** Letters of `b`, without `Q`. */
  readonly bindingMode?: string;
  /** Whether `b` had `Q`; it counts for LwM2M 1.0 only, where `b` carries the queue mode. */
  readonly queueMode?: boolean;
  readonly smsNumber?: string;
  readonly objectLinks?: string;
  readonly additionalParameters: Readonly<Record<string, string>>;
}

/** DELETE /rd/{id}. */
export interface Deregister {
  readonly type: "deregister";
  readonly registrationId: string;
}

/** POST /dp: values that the device reports unasked. */
export interface Send {
  readonly type: "send";
  readonly contentFormat: number;
  readonly payload: Uint8Array;
}

/** The request cannot be served. */
export interface Refusal {
  readonly type: "refusal";
  /** CoAP code as on the wire: `CODE.BAD_REQUEST` and so on. */
  readonly code: number;
  /** What is wrong, for the payload of the answer. */
  readonly diagnostic: string;
}

/** LwM2M versions that are served. */
export type LwM2mVersion = "1.0" | "1.1" | "1.2";

/** The refusal of a Register whose `ep` is needed and absent. */
export declare const MISSING_ENDPOINT: Refusal;

/** Parses a request of a device: its CoAP code, options and whole body. Never throws. */
export declare function parseUplink(code: number, options: readonly CoapOption[], payload: Uint8Array): Uplink;
