import type { SupportedObjects } from "../object-links.ts";
import type { ModelView, ObjectModel } from "./object-model.ts";

/** The definition found for an object version. */
export interface ResolvedModel {
  readonly model: ObjectModel;
  /** False when it is the definition of another version than was asked for. */
  readonly exact: boolean;
}

/** Object definitions of the system and of tenants; a tenant's wins. */
export declare class ModelRegistry {
  constructor(systemModels?: readonly ObjectModel[]);
  /** Grows with every change: a {@link ModelView} made before is then to be made anew. */
  get version(): number;
  /** `tenant` undefined: for the system, that is for every tenant. */
  put(tenant: string | undefined, model: ObjectModel): void;
  remove(tenant: string | undefined, objectId: number, version: string): boolean;
  /** The exact version, else the highest of the same major version, else the highest. */
  resolve(tenant: string, objectId: number, version: string): ResolvedModel | undefined;
  /** All definitions that a tenant sees, ascending by object id and version. */
  list(tenant: string): readonly ObjectModel[];
  /** The definitions by which a device is served; shared by all devices of the tenant that registered the same object versions. */
  view(tenant: string, supported: SupportedObjects): ModelView;
}
