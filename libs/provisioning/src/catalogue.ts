import { ModelRegistry, type ObjectModel } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import type { DeviceProfile } from "@ferry/profile";
import { deviceKey, type ProvisioningKind } from "@ferry/proto";
import type { DeviceRef, ProvisioningStore, StoredRecord } from "@ferry/state";
import { type DeviceCredential, type DeviceDeclaration, patternPrefix } from "./device-declaration.ts";
import { type DecidingRecords, decidingRecords } from "./fleet.ts";
import { modelId, modelTenant, type ProvisionedRecord, SYSTEM_TENANT } from "./parse-record.ts";
import { parseStoredRecord } from "./parse-stored-record.ts";

/** A device that has proved who it is, and by which kind of credential. */
export interface ProvenDevice extends DeviceRef {
  readonly securityMode: "PSK" | "RPK" | "X509";
}

/** Whether a device is served, and as whose. */
export type Admission =
  | {
      readonly type: "admitted";
      readonly tenant: string;
      readonly endpoint: string;
      readonly profileName: string;
      readonly profile: DeviceProfile;
      /** The exact device or the pattern that admits it. */
      readonly declaration: DeviceDeclaration;
    }
  /** `reason` is one sentence for the `refused` lifecycle record. */
  | { readonly type: "refused"; readonly reason: string };

/** What a tenant has for an endpoint. */
interface TenantSay extends DecidingRecords {
  readonly tenant: string;
}

/** What has changed: a model, a profile, a pattern or an exact device. */
export interface CatalogueChange {
  readonly type: "put" | "removed";
  readonly kind: ProvisioningKind;
  readonly tenant: string;
  readonly id: string;
  /** Offset of the record in lwm2m.provisioning.v1, where it came from there. */
  readonly offset?: number;
  /** The profile that was in force before, where there was one. */
  readonly replaced?: DeviceProfile;
}

/**
 * What a node must know by heart: object models, profiles and device patterns. Exact devices, of which there may be millions, are asked of the store.
 *
 * The topic tells the catalogue what is declared; which of two equal claims is in force, the store decides, which only the materialiser writes.
 */
export class Catalogue {
  /** Live object models: the shipped core ones and the provisioned ones. */
  readonly models: ModelRegistry;
  readonly #store: ProvisioningStore;
  /** By `tenant/name`. */
  readonly #profiles = new Map<string, DeviceProfile>();
  /** By literal prefix, then tenant. */
  readonly #patterns = new Map<string, Map<string, DeviceDeclaration>>();
  readonly #listeners = new Set<(change: CatalogueChange) => void>();

  /** The shipped models, by the id of a record: what holds again when a record that stands in for one is removed. */
  readonly #coreModels: ReadonlyMap<string, ObjectModel>;

  constructor(store: ProvisioningStore, coreModels: readonly ObjectModel[] = loadCoreModels()) {
    this.#store = store;
    this.#coreModels = new Map(coreModels.map((model) => [modelId(model), model]));
    this.models = new ModelRegistry(coreModels);
  }

  profile(tenant: string, name: string): DeviceProfile | undefined {
    return this.#profiles.get(deviceKey(tenant, name));
  }

  /**
   * Decides about a Register over NoSec: an exact record wins, then the longest literal prefix.
   *
   * Two round trips to the store, as a rule: whoever may have a say is asked at once.
   */
  async admit(endpoint: string): Promise<Admission> {
    if (endpoint.includes("*")) return refused(`"${endpoint}" has a *, which only patterns have`);
    const prefixes = this.#prefixesOf(endpoint);
    const tenants = new Set(prefixes.flatMap((prefix) => [...(this.#patterns.get(prefix)?.keys() ?? [])]));
    const [[exact, ...owners], says] = await Promise.all([
      Promise.all([endpoint, ...prefixes.map((prefix) => `${prefix}*`)].map((name) => this.#noSecDevice(name))),
      Promise.all(
        [...tenants].map(async (tenant) => ({ tenant, ...(await this.decidingRecords({ tenant, endpoint })) })),
      ),
    ]);
    if (exact !== undefined) return this.#admitBy(exact, endpoint);
    const pattern = owners.find((owner) => owner !== undefined && tenants.has(owner.tenant));
    const say = says.find(({ tenant }) => tenant === pattern?.tenant);
    if (pattern === undefined || say === undefined)
      return refused(`no device or pattern that serves "${endpoint}" without security is provisioned`);
    return this.#admitByPattern(pattern, endpoint, say);
  }

  /**
   * Decides about a Register of a device that has proved who it is: its exact record, else the longest pattern of its tenant.
   *
   * That the very credential is in force was decided when it was shown, and is again when what is provisioned changes.
   */
  async admitProven({ tenant, endpoint, securityMode }: ProvenDevice): Promise<Admission> {
    const [exact, own] = await Promise.all([
      this.#store.get("device", tenant, endpoint),
      this.#store.get("credential", tenant, endpoint),
    ]);
    const { record, generated } = exact
      ? { record: exact, generated: own }
      : await this.decidingRecords({ tenant, endpoint });
    if (record === undefined) return refused(`no device or pattern that serves "${endpoint}" is provisioned`);
    const credentials = [...(parseStoredDevice(record)?.credentials ?? []), ...parseStoredCredential(generated)];
    if (!credentials.some((credential) => modeOf(credential) === securityMode))
      return refused(`"${endpoint}" has no ${CREDENTIAL_NAME[securityMode]} any more`);
    return this.#admitBy(record, endpoint);
  }

  /** See {@link decidingRecords}; only patterns that were declared are asked for. @throws {StateUnavailableError} the store is being filled */
  decidingRecords(device: DeviceRef): Promise<DecidingRecords> {
    const prefixes = this.#prefixesOf(device.endpoint).filter((prefix) =>
      this.#patterns.get(prefix)?.has(device.tenant),
    );
    return decidingRecords(device, this.#store, prefixes);
  }

  /** Patterns that an endpoint matches, of all tenants, the longest first. Whether one is in force, the store knows. */
  patternsOf(endpoint: string): readonly DeviceDeclaration[] {
    return this.#prefixesOf(endpoint).flatMap((prefix) => [...(this.#patterns.get(prefix)?.values() ?? [])]);
  }

  #noSecDevice(endpoint: string): Promise<StoredRecord | undefined> {
    return this.#store.deviceByIdentity({ type: "noSec", endpoint });
  }

  #admitByPattern(pattern: StoredRecord, endpoint: string, { record, generated }: TenantSay): Admission {
    // Without a NoSec identity of its own, what is provisioned under the endpoint's name makes it a secure one.
    if (record?.id === endpoint || generated !== undefined)
      return refused(`"${endpoint}" has a secure credential and is not served without security`);
    if (record !== undefined && record.id !== pattern.id)
      return refused(`the pattern "${record.id}" serves "${endpoint}" only with security`);
    return this.#admitBy(pattern, endpoint);
  }

  #admitBy(record: StoredRecord, endpoint: string): Admission {
    const declaration = parseStoredDevice(record);
    if (declaration === undefined) return refused(`the record of "${record.id}" in the store cannot be read`);
    const { tenant, profile: profileName } = declaration;
    const profile = this.profile(tenant, profileName);
    if (profile === undefined)
      return refused(`the profile "${profileName}" of "${declaration.endpoint}" is not provisioned`);
    return { type: "admitted", tenant, endpoint, profileName, profile, declaration };
  }

  /** Prefixes of patterns that `endpoint` matches, the longest first. */
  #prefixesOf(endpoint: string): readonly string[] {
    const prefixes: string[] = [];
    for (let length = endpoint.length; length >= 0; length--) {
      const prefix = endpoint.slice(0, length);
      if (this.#patterns.has(prefix)) prefixes.push(prefix);
    }
    return prefixes;
  }

  /** `offset`: of the record on the topic. */
  put(record: ProvisionedRecord, offset?: number): void {
    const { kind, tenant, id } = record;
    const replaced = kind === "profile" ? this.profile(tenant, id) : undefined;
    switch (record.kind) {
      case "model":
        this.models.put(modelTenant(tenant), record.model);
        break;
      case "profile":
        this.#profiles.set(deviceKey(tenant, id), record.profile);
        break;
      case "device":
        this.#putDevice(record.device);
        break;
      case "credential":
        break;
    }
    this.#tell({
      type: "put",
      kind,
      tenant,
      id,
      ...(offset === undefined ? {} : { offset }),
      ...(replaced === undefined ? {} : { replaced }),
    });
  }

  #putDevice(device: DeviceDeclaration): void {
    const prefix = patternPrefix(device.endpoint);
    if (prefix === undefined) return;
    const byTenant = this.#patterns.get(prefix);
    if (byTenant === undefined) this.#patterns.set(prefix, new Map([[device.tenant, device]]));
    else byTenant.set(device.tenant, device);
  }

  remove(kind: ProvisioningKind, tenant: string, id: string, offset?: number): void {
    const replaced = kind === "profile" ? this.profile(tenant, id) : undefined;
    if (kind === "model") this.#removeModel(tenant, id);
    if (kind === "profile") this.#profiles.delete(deviceKey(tenant, id));
    if (kind === "device") this.#removePattern(tenant, id);
    this.#tell({
      type: "removed",
      kind,
      tenant,
      id,
      ...(offset === undefined ? {} : { offset }),
      ...(replaced === undefined ? {} : { replaced }),
    });
  }

  #removeModel(tenant: string, id: string): void {
    const core = this.#coreModels.get(id);
    const [objectId = "", version = ""] = id.split("_");
    if (tenant === SYSTEM_TENANT && core !== undefined) this.models.put(undefined, core);
    else this.models.remove(modelTenant(tenant), Number(objectId), version);
  }

  #removePattern(tenant: string, id: string): void {
    const prefix = patternPrefix(id);
    const byTenant = prefix === undefined ? undefined : this.#patterns.get(prefix);
    if (prefix === undefined || byTenant === undefined) return;
    byTenant.delete(tenant);
    if (byTenant.size === 0) this.#patterns.delete(prefix);
  }

  /** An exact device, which the catalogue does not hold, was put or removed: tells the listeners. */
  noteDevice(change: CatalogueChange): void {
    this.#tell(change);
  }

  /** Tells of every change from now on; returns how to stop that. */
  onChange(listener: (change: CatalogueChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #tell(change: CatalogueChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

function refused(reason: string): Admission {
  return { type: "refused", reason };
}

const MODES = { noSec: undefined, psk: "PSK", rawPublicKey: "RPK", x509: "X509" } as const;
const CREDENTIAL_NAME = { PSK: "pre-shared key", RPK: "raw public key", X509: "certificate" } as const;

function modeOf({ type }: DeviceCredential): ProvenDevice["securityMode"] | undefined {
  return MODES[type];
}

/** The credential of a `credential` record; none without a record, or when it cannot be read. */
function parseStoredCredential(record: StoredRecord | undefined): readonly DeviceCredential[] {
  if (record === undefined) return [];
  const parsed = parseStoredRecord(record);
  return parsed?.kind === "credential" ? [parsed.credential] : [];
}

/** `undefined` when the store's value is not a valid device. */
function parseStoredDevice(stored: StoredRecord): DeviceDeclaration | undefined {
  const record = parseStoredRecord(stored);
  return record?.kind === "device" ? record.device : undefined;
}
