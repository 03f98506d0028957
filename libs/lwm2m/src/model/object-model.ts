import type { DataType } from "../value.ts";

/** Definition of an Object by its DDF (OMA LwM2M Core 1.1.1 appendix D). */
export interface ObjectModel {
  readonly id: number;
  readonly name: string;
  /** `1.0` where the definition names none. */
  readonly version: string;
  /** LwM2M version it needs, such as `1.1`. */
  readonly lwm2mVersion: string;
  readonly urn: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  readonly resources: ReadonlyMap<number, ResourceModel>;
}

/** Definition of a Resource. */
export interface ResourceModel {
  readonly id: number;
  readonly name: string;
  /** Letters of R, W, E in that order; empty for resources that only the bootstrap server reaches. */
  readonly operations: string;
  readonly multiple: boolean;
  readonly mandatory: boolean;
  /** Undefined for executable resources. */
  readonly type: DataType | undefined;
  readonly rangeEnumeration: string;
  readonly units: string;
}

/** The definitions by which one device is served: for each object, the one of the version that the device registered, or the closest. */
export interface ModelView {
  object(objectId: number): ObjectModel | undefined;
}
