import { type DeviceRef, type ProvisioningStore, StateUnavailableError, type StoredRecord } from "@ferry/state";

/** What decides about a device. */
export interface DecidingRecords {
  /** The device's own, else a pattern. */
  readonly record: StoredRecord | undefined;
  /** The credential that was generated for it. */
  readonly generated: StoredRecord | undefined;
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
  store: Pick<ProvisioningStore, "get" | "position">,
  prefixes: readonly string[] = prefixesOf(endpoint),
): Promise<DecidingRecords> {
  if (prefixes.length === 0) return { record: undefined, generated: undefined };
  if ((await store.position()) === undefined)
    throw new StateUnavailableError("Redis was emptied: what is provisioned is not in it again yet");
  const [generated, ...records] = await Promise.all([
    store.get("credential", tenant, endpoint),
    ...[endpoint, ...prefixes.map((prefix) => `${prefix}*`)].map((name) => store.get("device", tenant, name)),
  ]);
  return { record: records.find((record) => record !== undefined), generated };
}

/** Every prefix of a name, the longest first. */
function prefixesOf(endpoint: string): readonly string[] {
  return Array.from({ length: endpoint.length + 1 }, (_, cut) => endpoint.slice(0, endpoint.length - cut));
}
