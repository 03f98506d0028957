import { type DeviceRef, type ProvisioningStore, StateUnavailableError, type StoredRecord } from "@ferry/state";

/**
 * The pattern that decides about a device without a record of its own: the longest of its tenant that is in force, whatever its credentials. By two
 * of them a name could be served with security and without it.
 *
 * `prefixes`: those that may be the literal part of a pattern, the longest first; all that the name has, when absent.
 *
 * @throws {StateUnavailableError} the store was emptied and is being filled: it may lack a longer pattern, or the device's own record
 */
export async function fleetRecord(
  { tenant, endpoint }: DeviceRef,
  store: Pick<ProvisioningStore, "get" | "position">,
  prefixes: readonly string[] = prefixesOf(endpoint),
): Promise<StoredRecord | undefined> {
  if (prefixes.length === 0) return undefined;
  // The position first: what is asked after it is of a store that has all, if it says so.
  const [position, ...records] = await Promise.all([
    store.position(),
    ...prefixes.map((prefix) => store.get("device", tenant, `${prefix}*`)),
  ]);
  if (position === undefined)
    throw new StateUnavailableError("Redis was emptied: what is provisioned is not in it again yet");
  return records.find((record) => record !== undefined);
}

/** Every prefix of a name, the longest first. */
function prefixesOf(endpoint: string): readonly string[] {
  return Array.from({ length: endpoint.length + 1 }, (_, cut) => endpoint.slice(0, endpoint.length - cut));
}
