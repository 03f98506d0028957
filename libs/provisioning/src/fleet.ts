import {
  type DeviceRecords,
  type DeviceRef,
  type ProvisioningStore,
  StateUnavailableError,
  type StoredRecord,
} from "@ferry/state";

/** What decides about a device: `record` is its own, else a pattern; `generated` is the device's. */
export type DecidingRecords = DeviceRecords;

/** What is asked of the store to tell who decides about a device. */
export interface FleetStore extends Pick<ProvisioningStore, "deviceRecords" | "position"> {
  /** The record of a pattern. */
  get(kind: "device", tenant: string, pattern: string): Promise<StoredRecord | undefined>;
}

/**
 * What decides about a device of which no record was found: the longest pattern of its tenant that is in force, whatever its credentials. By two
 * of them a name could be served with security and without it.
 *
 * The store may have been filled since the device's own records were not found, so they are looked for once more, after its position: what is asked then is of
 * a store that has all.
 *
 * `prefixes`: those that may be the literal part of a pattern, the longest first; all that the name has, when absent.
 *
 * @throws {StateUnavailableError} the store was emptied and is being filled: it may lack a longer pattern, or the device's own record
 */
export async function decidingRecords(
  { tenant, endpoint }: DeviceRef,
  store: FleetStore,
  prefixes: readonly string[] = prefixesOf(endpoint),
): Promise<DecidingRecords> {
  if (prefixes.length === 0) return { record: undefined, generated: undefined };
  if ((await store.position()) === undefined)
    throw new StateUnavailableError("Redis was emptied: what is provisioned is not in it again yet");
  const [{ record, generated }, ...patterns] = await Promise.all([
    store.deviceRecords(tenant, endpoint),
    ...prefixes.map((prefix) => store.get("device", tenant, `${prefix}*`)),
  ]);
  return { record: record ?? patterns.find((pattern) => pattern !== undefined), generated };
}

/** Every prefix of a name, the longest first. */
function prefixesOf(endpoint: string): readonly string[] {
  return Array.from({ length: endpoint.length + 1 }, (_, cut) => endpoint.slice(0, endpoint.length - cut));
}
