import type { FailureReason, PeerKey } from "@ferry/coap";
import type { LwM2mNode, LwM2mPath, NotificationAttributes, ResourceValue } from "@ferry/lwm2m";

/** What a simulated device takes. */
export type DeviceInput =
  /** A datagram arrived. */
  | { readonly type: "datagram"; readonly peer: PeerKey; readonly bytes: Uint8Array }
  /** Registers, anew where a registration is held already. */
  | { readonly type: "register" }
  /** Sends a registration update now, with a new lifetime where one is given. */
  | { readonly type: "update"; readonly lifetimeS?: number }
  /** Deregisters and stays silent until told to register. */
  | { readonly type: "deregister" }
  /** Sets a resource, or one instance of a multiple-instance resource, from inside; observers are notified as their attributes say. */
  | { readonly type: "set"; readonly path: LwM2mPath; readonly value: ResourceValue }
  /** Sends values of its own accord (LwM2M Send, OMA LwM2M Core 1.1.1 §6.4.4). */
  | { readonly type: "sendValues"; readonly paths: readonly LwM2mPath[] };

/** What a simulated device gives back, in the order in which it happened. */
export type DeviceOutput =
  | { readonly type: "send"; readonly peer: PeerKey; readonly bytes: Uint8Array }
  /** The server took the registration; `location` is the path it gave, such as `/rd/aBc`. */
  | { readonly type: "registered"; readonly location: string }
  | { readonly type: "updated" }
  | { readonly type: "deregistered" }
  /** The server answered with an error. Registers are repeated after 5.xx, and an Update answered 4.04 leads to a Register. */
  | { readonly type: "refused"; readonly uplink: UplinkType; readonly code: number }
  /** No answer came; Registers and Updates lead to a new Register, backed off. */
  | { readonly type: "unanswered"; readonly uplink: UplinkType; readonly reason: FailureReason }
  | { readonly type: "observed"; readonly observation: DeviceObservation }
  | { readonly type: "observationEnded"; readonly observation: DeviceObservation; readonly reason: ObservationEnd }
  /** A notification went out. `notification` numbers those of the device from 1. */
  | ({ readonly type: "notified" } & SentNotification)
  /** The server acknowledged a CON notification: from here its values must never be lost. */
  | ({ readonly type: "delivered" } & SentNotification)
  /** A CON notification was never acknowledged, or was reset. */
  | ({ readonly type: "undelivered"; readonly reason: FailureReason } & SentNotification)
  | { readonly type: "sent"; readonly paths: readonly LwM2mPath[] }
  | { readonly type: "read"; readonly path: LwM2mPath }
  | { readonly type: "discovered"; readonly path: LwM2mPath }
  | { readonly type: "written"; readonly path: LwM2mPath; readonly mode: "replace" | "update"; readonly node: LwM2mNode }
  | { readonly type: "attributesWritten"; readonly path: LwM2mPath; readonly attributes: NotificationAttributes }
  | { readonly type: "executed"; readonly path: LwM2mPath; readonly arguments: string }
  | { readonly type: "created"; readonly path: LwM2mPath }
  | { readonly type: "deleted"; readonly path: LwM2mPath };

/** The requests of the registration interface and Send. */
export type UplinkType = "register" | "update" | "deregister" | "send";

/** A relation by which the server observes the device. */
export interface DeviceObservation {
  /** Hex of the token. */
  readonly token: string;
  /** What is observed: one path, or those of a composite observation. */
  readonly paths: readonly LwM2mPath[];
}

/** Cancelled by GET with Observe 1, or by Reset; timed out (RFC 7641 §4.5); replaced by one with the same token; or the registration is new. */
export type ObservationEnd = "cancelled" | "reset" | "timeout" | "replaced" | "registered";

export interface SentNotification {
  readonly observation: DeviceObservation;
  readonly notification: number;
  readonly confirmable: boolean;
  /** The values it carries, one node per path of the observation. */
  readonly nodes: readonly LwM2mNode[];
}
