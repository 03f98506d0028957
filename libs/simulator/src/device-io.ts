import type { FailureReason, PeerKey } from "@ferry/coap";
import type { HandshakeFailure } from "@ferry/dtls";
import type { LwM2mNode, LwM2mPath, NotificationAttributes, ResourceValue, TimedValue } from "@ferry/lwm2m";

/** What a simulated device takes. */
export type DeviceInput =
  /** A datagram arrived. */
  | { readonly type: "datagram"; readonly peer: PeerKey; readonly bytes: Uint8Array }
  /** Registers, anew where a registration is held already. A device that knows no server yet is bootstrapped first. */
  | { readonly type: "register" }
  /** Deregisters and asks the bootstrap server; nothing happens without an account of one. */
  | { readonly type: "bootstrap" }
  /** Sends a registration update now, with a new lifetime where one is given. Nothing happens without a registration. */
  | { readonly type: "update"; readonly lifetimeS?: number }
  /** Deregisters and stays silent until told to register. */
  | { readonly type: "deregister" }
  /** Sets a resource, or one instance of a multiple-instance resource, from inside; observers are notified as their attributes say. */
  | { readonly type: "set"; readonly path: LwM2mPath; readonly value: ResourceValue }
  /** Reports unasked (LwM2M Send, OMA LwM2M Core 1.1.1 §6.4.5). */
  | ({ readonly type: "report" } & Report)
  /** Something else changed what the device holds: observers are notified as their attributes say. */
  | { readonly type: "changed" }
  /** The answer to `resolve`; without an address, the name has none now. */
  | { readonly type: "resolved"; readonly host: string; readonly address: string | undefined };

/** What a simulated device can be told to do. */
export type DeviceCommand = Exclude<DeviceInput, { readonly type: "datagram" | "resolved" | "changed" }>;

/** What a Send carries: what the paths name now, or any values with times of their own (ms since 1970). */
export type Report = ({ readonly paths: readonly LwM2mPath[] } | { readonly values: readonly TimedValue[] }) & {
  /** SenML CBOR (the default) or SenML JSON. */
  readonly format?: number;
};

/** What a simulated device gives back: datagrams to send, and what happened, in order. */
export type DeviceOutput =
  | { readonly type: "send"; readonly peer: PeerKey; readonly bytes: Uint8Array }
  /** Asks for the address of a server's name; `resolved` answers. */
  | { readonly type: "resolve"; readonly host: string }
  | DeviceEvent;

/** What happened to a simulated device. */
export type DeviceEvent =
  /** The server took the registration; `location` is the path it gave, such as `/rd/aBc`. */
  | { readonly type: "registered"; readonly location: string }
  | { readonly type: "updated" }
  | { readonly type: "deregistered" }
  /** The bootstrap server carried out an operation. */
  | {
      readonly type: "bootstrapServed";
      readonly operation: "discover" | "read" | "write" | "delete";
      readonly path: LwM2mPath;
    }
  /** The bootstrap server said that it is done, and what the device holds now is consistent: the short ids of the servers to register with. */
  | { readonly type: "bootstrapped"; readonly shortServerIds: readonly number[] }
  /** The bootstrap server began and did not finish; the device asks again. */
  | { readonly type: "bootstrapAbandoned" }
  /** The device is done with the bootstrap server: it no longer repeats its answers. */
  | { readonly type: "bootstrapLeft" }
  /** A server's name has no address now; the device asks again a little later. */
  | { readonly type: "unresolved"; readonly host: string }
  /** The server took what the device reported. */
  | { readonly type: "reported"; readonly values: readonly TimedValue[] }
  /** The device did not send a report, because Mute Send (/1/x/23) is set. */
  | { readonly type: "muted" }
  /** A datagram came while the device slept, and was lost. */
  | { readonly type: "missed" }
  /** The server answered with an error. A Register or Bootstrap-Request is repeated after 5.xx; an Update that the server does not know leads to a Register. */
  | {
      readonly type: "refused";
      readonly uplink: UplinkType;
      readonly code: number;
      /** Why, of a Bootstrap-Request, where the server said it: its first 200 characters. */
      readonly diagnostic?: string;
    }
  /** No answer came. A Register or Update leads to a new Register a little later, a Bootstrap-Request to another one. */
  | { readonly type: "unanswered"; readonly uplink: UplinkType; readonly reason: FailureReason }
  | { readonly type: "observed"; readonly observation: DeviceObservation }
  | { readonly type: "observationEnded"; readonly observation: DeviceObservation; readonly reason: ObservationEnd }
  /** A notification went out. */
  | ({ readonly type: "notified" } & SentNotification)
  /** The server acknowledged a CON notification: from here its values must never be lost. */
  | ({ readonly type: "delivered" } & SentNotification)
  /** A CON notification was never acknowledged, or was reset. */
  | ({ readonly type: "undelivered"; readonly reason: FailureReason } & SentNotification)
  | { readonly type: "read" | "discovered"; readonly path: LwM2mPath }
  | {
      readonly type: "written";
      readonly path: LwM2mPath;
      readonly mode: "replace" | "update";
      readonly node: LwM2mNode;
    }
  | {
      readonly type: "attributesWritten";
      readonly path: LwM2mPath;
      readonly attributes: NotificationAttributes;
    }
  | { readonly type: "executed"; readonly path: LwM2mPath; readonly arguments: string }
  | { readonly type: "created"; readonly paths: readonly LwM2mPath[] }
  | { readonly type: "deleted"; readonly path: LwM2mPath }
  | { readonly type: "readComposite"; readonly paths: readonly LwM2mPath[] }
  | { readonly type: "writtenComposite"; readonly values: readonly TimedValue[] }
  /** A DTLS handshake with the server ended: full, or resumed; `suite` is the IANA name. */
  | { readonly type: "associated"; readonly suite: string; readonly resumed: boolean; readonly hasCid: boolean }
  /** A DTLS handshake with the server failed; another one follows when there is something to send. `detail` is for people. */
  | { readonly type: "associationFailed"; readonly reason: HandshakeFailure; readonly detail: string }
  /** The server ended the DTLS association. */
  | { readonly type: "associationEnded"; readonly reason: "closeNotify" | "fatalAlert" }
  /** The device refused a request of the server. */
  | { readonly type: "requestRefused"; readonly code: number; readonly diagnostic: string };

/** What a device asks of an LwM2M server. */
export type ServerUplink = "register" | "update" | "deregister" | "report";

/** What a device asks of a server. */
export type UplinkType = "bootstrap" | ServerUplink;

/** A relation by which the server observes the device. */
export interface DeviceObservation {
  /** Hex of the token. */
  readonly token: string;
  /** One, but for a composite observation. */
  readonly paths: readonly LwM2mPath[];
  readonly composite: boolean;
}

/**
 * Cancelled by GET with Observe 1, or by Reset; timed out (RFC 7641 §4.5); replaced by one with the same token;
 * what it observed is gone; or the registration to which it belonged ended.
 */
export type ObservationEnd = "cancelled" | "reset" | "timeout" | "replaced" | "gone" | "registration";

export interface SentNotification {
  readonly observation: DeviceObservation;
  /** Numbers the notifications of the device from 1. */
  readonly notification: number;
  readonly confirmable: boolean;
  /** What it told, by path of the observation; undefined where there was nothing to tell. */
  readonly nodes: readonly (LwM2mNode | undefined)[];
}
