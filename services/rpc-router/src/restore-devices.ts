import { handleTable, type IncomingRecord, type TableIndex } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, decodeMessage, provisioningKey, TOPICS, toSafeNumber } from "@ferry/proto";
import { Catalogue, ProvisioningError, parseProvisioningRecord, patternPrefix } from "@ferry/provisioning";
import {
  type Epoch,
  epochSlot,
  fromWireObservation,
  fromWireRegistration,
  type ProvisioningStore,
  type Registration,
  registrationIdShard,
  shardOf,
} from "@ferry/state";
import { endRegistration } from "./end-registration.ts";
import type { Restored, Restoring } from "./restoring.ts";

/**
 * Reads lwm2m.device-state.v1 back into the store: each device without an owner, unless a living one wrote it back, and with a lifetime that begins anew,
 * for Updates that only prolong are not on record. A device that provisioning no longer admits has its registration ended. The read model of provisioning
 * must be there.
 */
export async function restoreDevices(devices: TableIndex, restoring: Restoring): Promise<void> {
  const { ports, signal } = restoring;
  const catalogue = await readCatalogue(ports.provisioning);
  const restore = (record: IncomingRecord): Promise<void> =>
    restoring.put("device", record, () => restoreDevice(record, catalogue, restoring));
  await handleTable(ports.bus, ports.settings.topicPrefix + TOPICS.deviceState.name, devices, restore, signal);
}

async function restoreDevice(
  { value, headers }: IncomingRecord,
  catalogue: Catalogue,
  restoring: Restoring,
): Promise<Restored> {
  const { ports } = restoring;
  const record = decodeMessage(TOPICS.deviceState.type, value ?? new Uint8Array(), headers[CONTENT_TYPE_HEADER]);
  const registration = fromWireRegistration(record?.registration ?? {});
  if (record === undefined || !isWhole(registration)) return "damaged";

  const nowMs = ports.clock();
  const epoch = toSafeNumber(record.context?.ownerEpoch) as Epoch; // As its owner wrote it.
  const { type } = await ports.devices.restore({
    registration: { ...registration, expiresAtMs: nowMs + registration.lifetimeS * 1000 },
    observations: (record.observations ?? []).map(fromWireObservation),
    owner: { slot: epochSlot(epoch), bootId: "", epoch },
    nowMs,
  });
  // Asked afterwards: who deletes it from now on finds its registration.
  if (await isAdmitted(registration, catalogue)) return type;
  await restoring.confirm(); // Provisioning that was lost once more admits nobody.
  await endRegistration(registration, "the device was deleted, or its credential withdrawn", ports);
  return "ended";
}

/** Whether its id leads to it: one of another shard could never be found. */
function isWhole({ tenant, endpoint, registrationId }: Registration): boolean {
  return endpoint !== "" && registrationIdShard(registrationId) === shardOf(tenant, endpoint);
}

/** Whether the device could register now, as it did. */
async function isAdmitted({ tenant, endpoint, securityMode }: Registration, catalogue: Catalogue): Promise<boolean> {
  const admission =
    securityMode === "NO_SEC"
      ? await catalogue.admit(endpoint)
      : await catalogue.admitProven({ tenant, endpoint, securityMode });
  return admission.type === "admitted" && admission.tenant === tenant;
}

/** Profiles and patterns as the store has them. */
async function readCatalogue(provisioning: ProvisioningStore): Promise<Catalogue> {
  const catalogue = new Catalogue(provisioning, []);
  for (const kind of ["profile", "device"] as const) {
    for (const { tenant, id, value } of await provisioning.list(kind)) {
      if (kind === "device" && patternPrefix(id) === undefined) continue;
      try {
        catalogue.put(parseProvisioningRecord(provisioningKey(kind, tenant, id), value));
      } catch (error) {
        if (!(error instanceof ProvisioningError)) throw error; // Of an earlier version with laxer rules: it admits nobody.
      }
    }
  }
  return catalogue;
}
