import type { ModelView, ResourceModel } from "../model/object-model.ts";
import type { LwM2mNode } from "../node.ts";

/** Object Server and its resource Short Server ID (OMA LwM2M Core 1.1.1 appendix E.2). */
const SERVER_OBJECT = 1;
const SHORT_SERVER_ID = 0;

const MODEL: ResourceModel = {
  id: SHORT_SERVER_ID,
  name: "Short Server ID",
  operations: "R",
  multiple: false,
  mandatory: true,
  type: "INTEGER",
  rangeEnumeration: "1..65534",
  units: "",
};

/** All that has to be known of a Server object that is read while a device bootstraps: it is the same in every version. */
export const SHORT_SERVER_ID_MODELS: ModelView = {
  object: (objectId) =>
    objectId === SERVER_OBJECT
      ? {
          id: SERVER_OBJECT,
          name: "LwM2M Server",
          version: "1.0",
          lwm2mVersion: "1.0",
          urn: "urn:oma:lwm2m:oma:1",
          multiple: true,
          mandatory: true,
          resources: new Map([[SHORT_SERVER_ID, MODEL]]),
        }
      : undefined,
};

/** Whether a number is the short server id of an LwM2M server: 0 and 65535 are reserved, and some devices give one of them to the bootstrap server's account. */
export function isShortServerId(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_534;
}

/** The short server ids by instance that a read Server object has; an instance without a possible one is left out. */
export function shortServerIdsOf(node: LwM2mNode): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  if (node.type !== "object") return found;
  for (const { id, resources } of node.instances) {
    const resource = resources.find((candidate) => candidate.id === SHORT_SERVER_ID);
    const value = resource?.type === "singleResource" ? resource.value.value : undefined;
    if (typeof value === "number" && isShortServerId(value)) found.set(id, value);
  }
  return found;
}
