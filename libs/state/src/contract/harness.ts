import { randomBytes } from "node:crypto";
import type { StoredAssociation } from "../association-store.ts";
import type {
  DeviceRef,
  DeviceStore,
  NodeRef,
  Observation,
  RegisterRequest,
  Registration,
  WaitingRequest,
} from "../device-store.ts";
import { makeRegistrationId } from "../registration-id.ts";
import { shardOf } from "../shard.ts";
import { observationToken } from "../token.ts";

/** Three lives of three nodes. */
export const NODES: readonly [NodeRef, NodeRef, NodeRef] = [
  { slot: 0, bootId: "00000000000000a0" },
  { slot: 1, bootId: "00000000000000b1" },
  { slot: 63, bootId: "00000000000000c2" },
];

/** A device that no other test has. */
export function newDevice(endpoint: string = `meter-${hex(6)}`, tenant = "default"): DeviceRef {
  return { tenant, endpoint };
}

/** A registration id of the device's shard. */
export function newRegistrationId({ tenant, endpoint }: DeviceRef): string {
  return makeRegistrationId(shardOf(tenant, endpoint), randomBytes);
}

/** An observation with a token of the device's shard. */
export function newObservation({ tenant, endpoint }: DeviceRef, path = "/3303/0/5700"): Observation {
  return { token: observationToken(shardOf(tenant, endpoint), randomBytes), paths: [path], source: "profile" };
}

/** A Register of the device by a datagram of its own. */
export function newRegister(
  device: DeviceRef,
  nowMs: number,
  changes: Partial<RegisterRequest> = {},
  registration: Partial<Registration> = {},
): RegisterRequest {
  return {
    registration: {
      ...device,
      registrationId: newRegistrationId(device),
      lifetimeS: 300,
      lwm2mVersion: "1.1",
      bindingMode: "U",
      queueMode: false,
      objectLinks: "</1/0>,</3/0>,</4/0>,</3303/0>",
      profile: "meter",
      securityMode: "NO_SEC",
      peer: "192.0.2.1:5683",
      ...registration,
    },
    digest: hex(16),
    node: NODES[0],
    nowMs,
    ...changes,
  };
}

/** A new association of the device with Connection ID, Connection ID and address of its own, made by a node. */
export function newAssociation(
  device: DeviceRef,
  owner: NodeRef,
  nowMs: number,
  changes: Partial<StoredAssociation> = {},
): StoredAssociation {
  const [host, port] = [randomBytes(2), randomBytes(2)];
  return {
    id: randomBytes(9).toString("base64url"),
    device,
    securityMode: "PSK",
    suite: 0xc0a8,
    cid: Uint8Array.from(randomBytes(8)),
    createdAtMs: nowMs,
    sealed: Uint8Array.from(randomBytes(160)),
    owner,
    stamp: Math.floor(nowMs / 1000),
    sendCeiling: 1024,
    mark: { newest: 1, window: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3) },
    address: `198.18.${host.join(".")}:${port.readUInt16BE()}`,
    ...changes,
  };
}

/** Open requests of a device that has few. */
export async function openRequestsOf(store: DeviceStore, device: DeviceRef): Promise<readonly WaitingRequest[]> {
  return (await store.openRequests({ device, limit: 100 })).requests;
}

function hex(size: number): string {
  return randomBytes(size).toString("hex");
}
