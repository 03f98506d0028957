import { ModelRegistry, type ObjectModel } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import type { DeviceProfile } from "@ferry/profile";
import { deviceKey, type ProvisioningKind } from "@ferry/proto";
import { type DeviceRef, type ProvisioningStore, SharedQuestion, type StoredRecord } from "@ferry/state";
import {
  type CredentialScope,
  credentialsInForce,
  generatedCredentials,
  storedDeclaration,
} from "./credential-scope.ts";
import { type DeviceCredential, type DeviceDeclaration, patternPrefix } from "./device-declaration.ts";
import { type DecidingRecords, decidingRecords } from "./fleet.ts";
import { modelId, modelTenant, type ProvisionedRecord, SYSTEM_TENANT } from "./parse-record.ts";
import { SharedFleetStore } from "./shared-fleet-store.ts";

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
      /** What Ferry generated for a device that has proved who it is, as `generatedCredentials` has it. */
      readonly generated: readonly DeviceCredential[] | undefined;
    }
  /** `reason` is one sentence for the `refused` lifecycle record. */
  | { readonly type: "refused"; readonly reason: string };

/** What a tenant has for an endpoint. */
interface TenantSay extends DecidingRecords {
  readonly tenant: string;
}

/** Who owns a name, or a pattern, in the clear. */
interface Owner {
  readonly record: StoredRecord;
  /** Undefined when the record cannot be read. */
  readonly declaration: DeviceDeclaration | undefined;
  readonly hasGenerated: boolean;
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
  readonly #fleets: SharedFleetStore;
  /** Whose a pattern is, is the same question for all devices that come at one moment. */
  readonly #patternOwner = new SharedQuestion((pattern: string) => this.#ownerOf(pattern));
  /** By `tenant/name`. */
  readonly #profiles = new Map<string, DeviceProfile>();
  /** By literal prefix, then tenant. */
  readonly #patterns = new Map<string, Map<string, DeviceDeclaration>>();
  readonly #listeners = new Set<(change: CatalogueChange) => void>();

  /** The shipped models, by the id of a record: what holds again when a record that stands in for one is removed. */
  readonly #coreModels: ReadonlyMap<string, ObjectModel>;

  constructor(store: ProvisioningStore, coreModels: readonly ObjectModel[] = loadCoreModels()) {
    this.#store = store;
    this.#fleets = new SharedFleetStore(store);
    this.#coreModels = new Map(coreModels.map((model) => [modelId(model), model]));
    this.models = new ModelRegistry(coreModels);
  }

  profile(tenant: string, name: string): DeviceProfile | undefined {
    return this.#profiles.get(deviceKey(tenant, name));
  }

  /**
   * Decides about a Register over NoSec: an exact record wins, then the longest literal prefix.
   *
   * Two round trips to the store, as a rule: whoever may have a say is asked at once, and about a pattern once for all devices that come meanwhile.
   */
  admit(endpoint: string): Promise<Admission> {
    return this.#admitInTheClear(endpoint, "server");
  }

  /** Decides about a Bootstrap-Request over NoSec, as {@link admit} does: by `bootstrapServer` of what is declared or, without one, by its credentials. */
  admitBootstrap(endpoint: string): Promise<Admission> {
    return this.#admitInTheClear(endpoint, "bootstrap");
  }

  async #admitInTheClear(endpoint: string, scope: CredentialScope): Promise<Admission> {
    if (endpoint.includes("*")) return refused(`"${endpoint}" has a *, which only patterns have`);
    const prefixes = this.#prefixesOf(endpoint);
    const tenants = new Set(prefixes.flatMap((prefix) => [...(this.#patterns.get(prefix)?.keys() ?? [])]));
    const [exact, owners, says] = await Promise.all([
      this.#ownerOf(endpoint),
      Promise.all(prefixes.map((prefix) => this.#patternOwner.ask(`${prefix}*`))),
      Promise.all(
        [...tenants].map(async (tenant) => ({ tenant, ...(await this.decidingRecords({ tenant, endpoint })) })),
      ),
    ]);
    if (comesInTheClear(exact, scope)) return this.#admitBy(exact, endpoint);
    const pattern = owners.find((owner) => comesInTheClear(owner, scope) && tenants.has(owner.record.tenant));
    const say = says.find(({ tenant }) => tenant === pattern?.record.tenant);
    if (pattern === undefined || say === undefined)
      return refused(`no device or pattern that ${VERBS[scope]} "${endpoint}" without security is provisioned`);
    return this.#admitByPattern(pattern, endpoint, say, scope);
  }

  /**
   * Decides about a Register, or a Bootstrap-Request, of a device that has proved who it is: its exact record, else the longest pattern of its tenant.
   *
   * That the very credential is in force was decided when it was shown, and is again when what is provisioned changes.
   */
  async admitProven(
    { tenant, endpoint, securityMode }: ProvenDevice,
    scope: CredentialScope = "server",
  ): Promise<Admission> {
    const own = await this.#store.deviceRecords(tenant, endpoint);
    const { record, generated } = own.record === undefined ? await this.decidingRecords({ tenant, endpoint }) : own;
    if (record === undefined) return refused(`no device or pattern that ${VERBS[scope]} "${endpoint}" is provisioned`);
    const made = generatedCredentials(generated);
    const declaration = storedDeclaration(record);
    const credentials = credentialsInForce(declaration, made, scope);
    if (!credentials.some((credential) => modeOf(credential) === securityMode))
      return refused(`"${endpoint}" has no ${CREDENTIAL_NAME[securityMode]} any more`);
    return this.#admitBy({ record, declaration }, endpoint, made);
  }

  /** See {@link decidingRecords}; only patterns that were declared are asked for. @throws {StateUnavailableError} the store is being filled */
  decidingRecords(device: DeviceRef): Promise<DecidingRecords> {
    const prefixes = this.#prefixesOf(device.endpoint).filter((prefix) =>
      this.#patterns.get(prefix)?.has(device.tenant),
    );
    return decidingRecords(device, this.#fleets, prefixes);
  }

  /** Patterns that an endpoint matches, of all tenants, the longest first. Whether one is in force, the store knows. */
  patternsOf(endpoint: string): readonly DeviceDeclaration[] {
    return this.#prefixesOf(endpoint).flatMap((prefix) => [...(this.#patterns.get(prefix)?.values() ?? [])]);
  }

  /** The store's identities are those of both scopes. */
  async #ownerOf(name: string): Promise<Owner | undefined> {
    const records = await this.#store.deviceByIdentity({ type: "noSec", endpoint: name });
    const record = records?.record ?? records?.generated;
    if (record === undefined) return undefined;
    return { record, declaration: storedDeclaration(record), hasGenerated: records?.generated !== undefined };
  }

  #admitByPattern(
    pattern: Owner,
    endpoint: string,
    { record, generated }: TenantSay,
    scope: CredentialScope,
  ): Admission {
    const { declaration } = pattern;
    // Whom the bootstrap server gives a key in the clear, comes again in the clear.
    const mayHaveKey = scope === "bootstrap" && declaration !== undefined && isOpenAtBootstrap(declaration);
    // Without a NoSec identity of its own, what is provisioned under the endpoint's name makes it a secure one.
    if (record?.id === endpoint || (generated !== undefined && !mayHaveKey))
      return refused(`"${endpoint}" has a secure credential and is not ${PARTICIPLES[scope]} without security`);
    if (record !== undefined && record.id !== pattern.record.id)
      return refused(`the pattern "${record.id}" ${VERBS[scope]} "${endpoint}" only with security`);
    return this.#admitBy(pattern, endpoint);
  }

  #admitBy(
    { record, declaration }: Pick<Owner, "record" | "declaration">,
    endpoint: string,
    generated?: readonly DeviceCredential[],
  ): Admission {
    if (declaration === undefined) return refused(`the record of "${record.id}" in the store cannot be read`);
    const { tenant, profile: profileName } = declaration;
    const profile = this.profile(tenant, profileName);
    if (profile === undefined)
      return refused(`the profile "${profileName}" of "${declaration.endpoint}" is not provisioned`);
    return { type: "admitted", tenant, endpoint, profileName, profile, declaration, generated };
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

const VERBS = { server: "serves", bootstrap: "bootstraps" } as const;
const PARTICIPLES = { server: "served", bootstrap: "bootstrapped" } as const;

/** Whether whoever has the owner's name, or one that the owner's pattern fits, comes by it in the clear. One that cannot be read is told of. */
function comesInTheClear(owner: Owner | undefined, scope: CredentialScope): owner is Owner {
  if (owner?.declaration === undefined) return owner !== undefined;
  if (!isInTheClear(owner.declaration, scope)) return false;
  // What was generated for a device ends service in the clear: where only its credentials say noSec, the identity is gone with that.
  return !(scope === "server" && owner.hasGenerated && isOpenAtBootstrap(owner.declaration));
}

/** Whether the name is all that is asked for. */
function isInTheClear({ credentials, bootstrap }: DeviceDeclaration, scope: CredentialScope): boolean {
  const own = scope === "bootstrap" ? bootstrap?.bootstrapServer : undefined;
  return own === undefined ? credentials.some(({ type }) => type === "noSec") : own.type === "noSec";
}

/** Whether it says so of the bootstrap server itself. */
function isOpenAtBootstrap({ bootstrap }: DeviceDeclaration): boolean {
  return bootstrap?.bootstrapServer?.type === "noSec";
}
