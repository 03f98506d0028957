import { type BootstrapDiscovery, type BootstrapPackRequest, encodeTimedValues, flattenNode } from "@ferry/lwm2m";
import { type BootstrapPlan, type BootstrapTarget, planBootstrap } from "./plan.ts";

/** A Bootstrap-Pack, and what is in it. */
export interface EncodedPack extends Pick<BootstrapPlan, "written" | "omission"> {
  readonly payload: Uint8Array;
}

/**
 * The Bootstrap-Pack of a target (OMA LwM2M Core 1.2 §6.1.7.7): every instance that a session would write, in one payload of the format that the device accepts.
 *
 * The device removes what else it has of the objects in it, but for the account of the bootstrap server. That is written only where the device said which instance it is.
 */
export function encodePack(target: BootstrapTarget, request: BootstrapPackRequest): EncodedPack {
  const { acceptedFormat, accountInstances } = request;
  const { operations, written, omission } = planBootstrap(target, discoveryOf(accountInstances));
  const values = operations.flatMap((each) => (each.type === "write" ? flattenNode(each.path, each.node) : []));
  return { payload: encodeTimedValues(acceptedFormat, values), written, omission };
}

/** What a Bootstrap-Pack-Request says of the device: its version, and where the account of the bootstrap server is. */
function discoveryOf(accountInstances: readonly number[]): BootstrapDiscovery {
  const [bootstrapInstance, ...others] = accountInstances;
  return {
    version: "1.2",
    bootstrapInstance: others.length === 0 ? bootstrapInstance : undefined,
    security: new Map(),
    servers: new Map(),
    instances: new Map([[0, new Set(accountInstances)]]),
  };
}
