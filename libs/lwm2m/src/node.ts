import type { DataType, ResourceValue } from "./value.ts";

/** What a path can name, with the values below it (OMA LwM2M Core 1.1.1 §7.2). Children are in ascending order of their ids. */
export type LwM2mNode = ObjectNode | ObjectInstanceNode | ResourceNode | ResourceInstanceNode;

export interface ObjectNode {
  readonly type: "object";
  readonly id: number;
  readonly instances: readonly ObjectInstanceNode[];
}

export interface ObjectInstanceNode {
  readonly type: "objectInstance";
  readonly id: number;
  readonly resources: readonly ResourceNode[];
}

/** A resource: with one value, or with instances when it is a multiple-instance resource. */
export type ResourceNode = SingleResourceNode | MultipleResourceNode;

export interface SingleResourceNode {
  readonly type: "singleResource";
  readonly id: number;
  readonly value: ResourceValue;
  /** Time of the value by the device, ms since 1970; absent when it did not say. */
  readonly timeMs?: number;
}

export interface MultipleResourceNode {
  readonly type: "multipleResource";
  readonly id: number;
  readonly dataType: DataType;
  readonly instances: readonly ResourceInstanceNode[];
}

export interface ResourceInstanceNode {
  readonly type: "resourceInstance";
  readonly id: number;
  readonly value: ResourceValue;
  /** Time of the value by the device, ms since 1970; absent when it did not say. */
  readonly timeMs?: number;
}

/** One value of a resource (path of 3 ids) or resource instance (4 ids), as a payload lists them: the flat form of nodes. */
export interface TimedValue {
  readonly path: readonly number[];
  readonly value: ResourceValue;
  /** Time of the value by the device, ms since 1970; absent when it did not say. */
  readonly timeMs?: number;
}
