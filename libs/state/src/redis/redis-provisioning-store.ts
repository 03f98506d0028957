import { StoredValueError } from "../errors.ts";
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
import type { RedisConnection } from "./connection.ts";
import {
  identitySlot,
  POSITION_KEY,
  PROVISIONING_KEYS,
  PROVISIONING_SLOTS,
  provisioningPrefix,
  recordSlot,
} from "./keys.ts";
import { decodeRecord, encodeRecord, type PackedRecord } from "./provisioning-record.ts";
import { constants, Scripts } from "./scripts.ts";

type Kind = StoredRecord["kind"];

const STEPS = ["put-record", "get-device", "own-identity", "disown-identity", "find-device"] as const;

type DeviceName = Omit<RecordRef, "kind">;

/** A device and its credential, which share tenant, id and identities, and so a slot. */
type PackedDevice = readonly [device: PackedRecord | undefined, credential: PackedRecord | undefined];

/**
 * Keeps the read model of the provisioning topic in Redis, spread over 256 slots.
 *
 * An identity and its device may lie in different slots, so `put` is several steps: it owns the identities first, then stores the record. A
 * pointer whose device does not name it is void, which makes a `put` that was cut short harmless. One materialiser writes at a time.
 */
export class RedisProvisioningStore implements ProvisioningStore {
  readonly #connection: RedisConnection;
  readonly #scripts: Scripts<(typeof STEPS)[number]>;

  constructor(connection: RedisConnection) {
    this.#connection = connection;
    this.#scripts = new Scripts(connection, STEPS, constants(PROVISIONING_KEYS));
  }

  async put(record: StoredRecord, identities: readonly CredentialIdentity[]): Promise<PutOutcome> {
    const current = await this.#read(record);
    if (current !== undefined && current.record.offset > record.offset) return { type: "stored" };

    const gained: string[] = [];
    for (const identity of identities) {
      const { takenBy, wasOurs } = await this.#own(identityText(identity), record);
      if (takenBy !== undefined) {
        for (const each of gained) await this.#disown(each, record);
        return { type: "identityTaken", identity, by: takenBy };
      }
      if (!wasOurs) gained.push(identityText(identity));
    }
    const packed = encodeRecord({ record, identities: identities.map(identityText) });
    const prefix = provisioningPrefix(recordSlot(record.id));
    await this.#scripts.run("put-record", prefix, record.kind, nameOfRecord(record), record.offset, packed);
    await this.#disownUnnamed(record, current);
    return { type: "stored" };
  }

  async remove(ref: RecordRef): Promise<boolean> {
    const current = await this.#read(ref);
    const removed = await this.#connection.run((client) => client.hdel(recordsKey(ref), nameOfRecord(ref)));
    await this.#disownUnnamed(ref, current);
    return removed === 1;
  }

  async get(kind: Kind, tenant: string, id: string): Promise<StoredRecord | undefined> {
    return (await this.#read({ kind, tenant, id }))?.record;
  }

  async deviceRecords(tenant: string, id: string): Promise<DeviceRecords> {
    return unpacked(await this.#readDevice({ tenant, id }));
  }

  async list(kind: Kind, tenant?: string): Promise<readonly StoredRecord[]> {
    const slots = Array.from({ length: PROVISIONING_SLOTS }, (_, slot) => slot);
    const packed = await this.#connection.run((client) =>
      Promise.all(slots.map((slot) => client.hvalsBuffer(provisioningPrefix(slot) + PROVISIONING_KEYS.RECORDS + kind))),
    );
    return packed
      .flat()
      .map((each) => parseRecord(kind, each)?.record)
      .filter((record) => record !== undefined)
      .filter((record) => tenant === undefined || record.tenant === tenant);
  }

  async deviceByIdentity(identity: CredentialIdentity): Promise<DeviceRecords | undefined> {
    const text = identityText(identity);
    const slot = identitySlot(text);
    const reply = await this.#scripts.run("find-device", provisioningPrefix(slot), text);
    const [name, ...packed] = reply as (Buffer | null)[];
    if (!name) return undefined;
    const device = parseRecordName(name.toString());
    const records = recordSlot(device.id) === slot ? parseDevice(packed) : await this.#readDevice(device);
    return records.some((record) => record?.identities.includes(text)) ? unpacked(records) : undefined;
  }

  async position(): Promise<number | undefined> {
    const position = await this.#connection.run((client) => client.get(POSITION_KEY));
    return position === null || !/^-?\d+$/.test(position) ? undefined : Number(position);
  }

  async setPosition(offset: number): Promise<void> {
    await this.#connection.run((client) => client.set(POSITION_KEY, offset));
  }

  async #read(ref: RecordRef): Promise<PackedRecord | undefined> {
    const packed = await this.#connection.run((client) => client.hgetBuffer(recordsKey(ref), nameOfRecord(ref)));
    return parseRecord(ref.kind, packed);
  }

  async #readDevice(device: DeviceName): Promise<PackedDevice> {
    const prefix = provisioningPrefix(recordSlot(device.id));
    return parseDevice((await this.#scripts.run("get-device", prefix, nameOfRecord(device))) as (Buffer | null)[]);
  }

  /** Makes the record's device the owner of an identity; a void pointer is no obstacle. */
  async #own(identity: string, record: StoredRecord): Promise<{ takenBy?: DeviceName; wasOurs: boolean }> {
    const prefix = provisioningPrefix(identitySlot(identity));
    const own = async (voidPointer: string): Promise<[string, boolean]> => {
      const name = nameOfRecord(record);
      const reply = await this.#scripts.run("own-identity", prefix, identity, name, record.offset, voidPointer);
      const [obstacle, wasOurs] = reply as [Buffer | null, number];
      return [obstacle?.toString() ?? "", wasOurs === 1];
    };

    let [obstacle, wasOurs] = await own("");
    if (obstacle !== "" && !(await this.#isNamed(parsePointer(obstacle), identity))) {
      [obstacle, wasOurs] = await own(obstacle);
    }
    if (obstacle === "") return { wasOurs };
    const takenBy = parsePointer(obstacle);
    return isShared(identity) && takenBy.tenant === record.tenant ? { wasOurs: true } : { takenBy, wasOurs };
  }

  /** Frees those identities of an old record that neither the device's record nor its credential names any more. */
  async #disownUnnamed(ref: RecordRef, old: PackedRecord | undefined): Promise<void> {
    for (const text of old?.identities ?? []) {
      if (!(await this.#isNamed(ref, text))) await this.#disown(text, ref);
    }
  }

  async #disown(identity: string, ref: RecordRef): Promise<void> {
    await this.#scripts.run("disown-identity", provisioningPrefix(identitySlot(identity)), identity, nameOfRecord(ref));
  }

  /** Whether a device's record, or its credential, names an identity. */
  async #isNamed(device: DeviceName, text: string): Promise<boolean> {
    const records = await this.#readDevice(device);
    return records.some((record) => record?.identities.includes(text));
  }
}

function nameOfRecord({ tenant, id }: DeviceName): string {
  return `${tenant}/${id}`;
}

/** A tenant holds no slash. */
function parseRecordName(name: string): DeviceName {
  const slash = name.indexOf("/");
  return { tenant: name.slice(0, slash), id: name.slice(slash + 1) };
}

/** Offset, a space, the device's name. */
function parsePointer(pointer: string): DeviceName {
  return parseRecordName(pointer.slice(pointer.indexOf(" ") + 1));
}

function recordsKey({ kind, id }: RecordRef): string {
  return provisioningPrefix(recordSlot(id)) + PROVISIONING_KEYS.RECORDS + kind;
}

function parseDevice([device, credential]: readonly (Buffer | null)[]): PackedDevice {
  return [parseRecord("device", device), parseRecord("credential", credential)];
}

function unpacked([device, credential]: PackedDevice): DeviceRecords {
  return { record: device?.record, generated: credential?.record };
}

/** What does not parse counts as absent: the materialiser writes it anew. */
function parseRecord(kind: Kind, packed: Buffer | null | undefined): PackedRecord | undefined {
  if (packed === null || packed === undefined) return undefined;
  try {
    return decodeRecord(kind, packed);
  } catch (error) {
    if (error instanceof StoredValueError) return undefined;
    throw error;
  }
}
