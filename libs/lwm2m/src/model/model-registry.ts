import type { SupportedObjects } from "../object-links.ts";
import type { ModelView, ObjectModel } from "./object-model.ts";

/** The definition found for an object version. */
export interface ResolvedModel {
  readonly model: ObjectModel;
  /** False when it is the definition of another version than was asked for. */
  readonly exact: boolean;
}

/** Most views that are kept: one per tenant and set of definitions, so as many as there are kinds of devices. */
const MAX_VIEWS = 10_000;

/** Definitions by object id and version. */
type Models = Map<number, Map<string, ObjectModel>>;

/** Object definitions of the system and of tenants; a tenant's wins over the system's of the same object and version. */
export class ModelRegistry {
  readonly #system: Models = new Map();
  readonly #tenants = new Map<string, Models>();
  /** By definitions and tenant; the least recently used first. */
  readonly #views = new Map<string, ModelView>();
  #version = 0;

  constructor(systemModels: readonly ObjectModel[] = []) {
    for (const model of systemModels) this.put(undefined, model);
  }

  /** Grows with every change: a {@link ModelView} made before is then to be asked for anew. */
  get version(): number {
    return this.#version;
  }

  /** Adds or replaces a definition, for a tenant, or with `undefined` for all. */
  put(tenant: string | undefined, model: ObjectModel): void {
    let models = tenant === undefined ? this.#system : this.#tenants.get(tenant);
    if (models === undefined) {
      models = new Map();
      this.#tenants.set(tenant as string, models); // The system's are always there.
    }
    const versions = models.get(model.id) ?? new Map<string, ObjectModel>();
    versions.set(model.version, model);
    models.set(model.id, versions);
    this.#changed();
  }

  /** Removes a definition; false when there was none. */
  remove(tenant: string | undefined, objectId: number, version: string): boolean {
    const models = tenant === undefined ? this.#system : this.#tenants.get(tenant);
    const versions = models?.get(objectId);
    if (models === undefined || versions?.delete(version) !== true) return false;
    if (versions.size === 0) models.delete(objectId);
    if (tenant !== undefined && models.size === 0) this.#tenants.delete(tenant);
    this.#changed();
    return true;
  }

  #changed(): void {
    this.#version++;
    this.#views.clear();
  }

  /**
   * The definition of the exact version, else of the highest of the same major version.
   *
   * Another major version is another object: its resources may mean something else (OMA LwM2M Core 1.1.1 §7.2.2).
   */
  resolve(tenant: string, objectId: number, version: string): ResolvedModel | undefined {
    const exact = this.#tenants.get(tenant)?.get(objectId)?.get(version) ?? this.#system.get(objectId)?.get(version);
    if (exact !== undefined) return { model: exact, exact: true };
    const [model] = [...this.#versionsOf(tenant, objectId).values()]
      .filter((candidate) => major(candidate.version) === major(version))
      .sort((a, b) => compareVersions(b.version, a.version));
    return model && { model, exact: false };
  }

  #versionsOf(tenant: string, objectId: number): ReadonlyMap<string, ObjectModel> {
    return new Map([...(this.#system.get(objectId) ?? []), ...(this.#tenants.get(tenant)?.get(objectId) ?? [])]);
  }

  /** All definitions that a tenant sees, ascending by object id and version. */
  list(tenant: string): readonly ObjectModel[] {
    const objectIds = new Set([...this.#system.keys(), ...(this.#tenants.get(tenant)?.keys() ?? [])]);
    return [...objectIds]
      .flatMap((objectId) => [...this.#versionsOf(tenant, objectId).values()])
      .sort((a, b) => a.id - b.id || compareVersions(a.version, b.version));
  }

  /** All definitions of an object that a tenant sees, ascending by version. */
  versionsOf(tenant: string, objectId: number): readonly ObjectModel[] {
    return [...this.#versionsOf(tenant, objectId).values()].sort((a, b) => compareVersions(a.version, b.version));
  }

  /** The definitions by which a device is served; devices of one tenant with the same definitions share one view. */
  view(tenant: string, supported: Pick<SupportedObjects, "objects">): ModelView {
    const models = new Map<number, ObjectModel>();
    // Objects without a definition are not part of the key: what devices make up must not grow it.
    let key = "";
    for (const [objectId, { version }] of supported.objects) {
      const model = this.resolve(tenant, objectId, version)?.model;
      if (model === undefined) continue;
      models.set(objectId, model);
      key += `/${objectId}_${model.version}`;
    }
    return this.#shared(`${key} ${tenant}`, models);
  }

  #shared(key: string, models: ReadonlyMap<number, ObjectModel>): ModelView {
    const existing = this.#views.get(key);
    const view = existing ?? { object: (objectId) => models.get(objectId) };
    if (existing !== undefined) this.#views.delete(key);
    else if (this.#views.size >= MAX_VIEWS) this.#views.delete(this.#views.keys().next().value as string); // Not empty.
    this.#views.set(key, view);
    return view;
  }
}

function major(version: string): number {
  return Number.parseInt(version, 10);
}

/** Orders `1.10` after `1.9`. */
function compareVersions(a: string, b: string): number {
  return major(a) - major(b) || minor(a) - minor(b);
}

function minor(version: string): number {
  return Number.parseInt(version.slice(version.indexOf(".") + 1), 10);
}
