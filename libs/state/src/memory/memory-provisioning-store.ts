import {
  type CredentialIdentity,
  type DeviceRecords,
  identityText,
  isShared,
  type ProvisioningStore,
  type PutOutcome,
  type RecordRef,
  type StoredRecord,
} from "../provisioning-store.ts";

/** A device and its credential, which share tenant, id and identities. */
const DEVICE_KINDS = ["device", "credential"] as const;

/** Keeps the read model of the provisioning topic in this process. */
export class MemoryProvisioningStore implements ProvisioningStore {
  readonly #records = new Map<string, { record: StoredRecord; identities: ReadonlySet<string> }>();
  /** Which device owns an identity, and since which offset. */
  readonly #owners = new Map<string, { tenant: string; id: string; offset: number }>();
  #position: number | undefined;

  async put(record: StoredRecord, identities: readonly CredentialIdentity[]): Promise<PutOutcome> {
    const { tenant, id, offset } = record;
    const current = this.#records.get(keyOf(record));
    if (current !== undefined && current.record.offset > offset) return { type: "stored" };
    for (const identity of identities) {
      const text = identityText(identity);
      const owner = this.#owners.get(text);
      if (owner !== undefined && !isSameOwner(owner, record, text) && owner.offset <= offset) {
        return { type: "identityTaken", identity, by: { tenant: owner.tenant, id: owner.id } };
      }
    }
    this.#records.set(keyOf(record), { record, identities: new Set(identities.map(identityText)) });
    for (const text of identities.map(identityText)) {
      const owner = this.#owners.get(text);
      if (owner === undefined || !isSameOwner(owner, record, text)) this.#owners.set(text, { tenant, id, offset });
    }
    this.#disown(record, current?.identities);
    return { type: "stored" };
  }

  async remove(ref: RecordRef): Promise<boolean> {
    const current = this.#records.get(keyOf(ref));
    this.#records.delete(keyOf(ref));
    this.#disown(ref, current?.identities);
    return current !== undefined;
  }

  async get(kind: StoredRecord["kind"], tenant: string, id: string): Promise<StoredRecord | undefined> {
    return this.#records.get(keyOf({ kind, tenant, id }))?.record;
  }

  async deviceRecords(tenant: string, id: string): Promise<DeviceRecords> {
    const [record, generated] = DEVICE_KINDS.map((kind) => this.#records.get(keyOf({ kind, tenant, id }))?.record);
    return { record, generated };
  }

  async list(kind: StoredRecord["kind"], tenant?: string): Promise<readonly StoredRecord[]> {
    return [...this.#records.values()]
      .map(({ record }) => record)
      .filter((record) => record.kind === kind && (tenant === undefined || record.tenant === tenant));
  }

  async deviceByIdentity(identity: CredentialIdentity): Promise<DeviceRecords | undefined> {
    const owner = this.#owners.get(identityText(identity));
    return owner && this.deviceRecords(owner.tenant, owner.id);
  }

  async position(): Promise<number | undefined> {
    return this.#position;
  }

  async setPosition(offset: number): Promise<void> {
    this.#position = offset;
  }

  /** Frees those identities that neither the device's record nor its credential names any more. */
  #disown(ref: RecordRef, identities: ReadonlySet<string> = new Set()): void {
    for (const text of identities) {
      const owner = this.#owners.get(text);
      const named = DEVICE_KINDS.some((kind) => this.#records.get(keyOf({ ...ref, kind }))?.identities.has(text));
      if (!named && owner !== undefined && isSameDevice(owner, ref)) this.#owners.delete(text);
    }
  }
}

/** A device and its credential share tenant and id, and the identities. */
function isSameDevice(a: { tenant: string; id: string }, b: { tenant: string; id: string }): boolean {
  return a.tenant === b.tenant && a.id === b.id;
}

function isSameOwner(owner: { tenant: string; id: string }, record: StoredRecord, identity: string): boolean {
  return isSameDevice(owner, record) || (isShared(identity) && owner.tenant === record.tenant);
}

function keyOf({ kind, tenant, id }: RecordRef): string {
  return `${kind}/${tenant}/${id}`;
}
