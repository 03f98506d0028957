import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, lwm2m } from "@ferry/proto";
import {
  checkAccountKeys,
  type DeviceCredential,
  type DeviceDeclaration,
  decodeProvisioningRecord,
  deviceIdentities,
  identitiesOf,
  type ProvisionedRecord,
  ProvisioningError,
  parseProvisioningRecord,
  parseStoredRecord,
  patternPrefix,
  type SealingKeys,
  serverIdentities,
} from "@ferry/provisioning";
import type { CredentialIdentity, RecordRef, StoredRecord } from "@ferry/state";
import { endRegistration, endRegistrationsOfFleet } from "./end-registration.ts";
import type { RouterPorts } from "./ports.ts";
import { sealForStore } from "./seal-for-store.ts";

/** What is in force for one endpoint: its declaration, and the credential that was generated for it. */
interface Held {
  /** The declaration as the store has it. */
  readonly stored: StoredRecord | undefined;
  readonly device: DeviceDeclaration | undefined;
  readonly generated: DeviceCredential | undefined;
  /** What that replaced, while it is accepted too. */
  readonly previous: readonly DeviceCredential[];
}

/** What nodes ask of provisioning: records by name and devices by identity, and what follows for registrations when they change. */
export class ReadModel {
  readonly #ports: RouterPorts;
  readonly #sealingKeys: SealingKeys | undefined;

  constructor(ports: RouterPorts, sealingKeys: SealingKeys | undefined) {
    this.#ports = ports;
    this.#sealingKeys = sealingKeys;
  }

  /**
   * Puts a record in force. `requireProfile`: a device's profile must be there already.
   *
   * @throws {ProvisioningError} it is not valid, or names what is not there or is another's; what was in force before still is
   */
  async put(
    ref: RecordRef,
    incoming: IncomingRecord,
    value: Uint8Array,
    { requireProfile }: { readonly requireProfile: boolean },
  ): Promise<void> {
    const { record, stored } = this.#read(ref, incoming, value);
    switch (record.kind) {
      case "model":
      case "profile":
        await this.#ports.provisioning.put(stored, []);
        break;
      case "device": {
        const [held] = await Promise.all([this.#held(ref), requireProfile && this.#requireProfile(record.device)]);
        await this.#store(stored, deviceIdentities(record.device, held.generated), record);
        await this.#endWhatWasWithdrawn(ref, held, { ...held, device: record.device });
        break;
      }
      case "credential": {
        const held = await this.#held(ref);
        const { credential, previous } = record;
        const identities = [credential, ...previous].flatMap((one) => identitiesOf(one, ref.id));
        await this.#store(stored, identities, record);
        await this.#changeGenerated(ref, held, { generated: credential, previous });
        break;
      }
    }
  }

  /** Takes a record out of force. */
  async remove(ref: RecordRef): Promise<void> {
    const held = ref.kind === "credential" ? await this.#held(ref) : undefined;
    await this.#ports.provisioning.remove(ref);
    if (ref.kind === "device") await this.#endRegistrations(ref, "the device was deleted");
    if (held !== undefined) await this.#changeGenerated(ref, held, { generated: undefined, previous: [] });
  }

  /** Whoever may publish decides these bytes, and they come again at each start: what nobody foresaw of them is rejected too, and told of as ours. */
  #read(
    ref: RecordRef,
    { key, headers, offset }: IncomingRecord,
    value: Uint8Array,
  ): { readonly record: ProvisionedRecord; readonly stored: StoredRecord } {
    try {
      const contentType = headers[CONTENT_TYPE_HEADER];
      const record = parseProvisioningRecord(key ?? "", value, contentType);
      // Keys and certificates are read by this: where that fails, the record must not be in force.
      if (record.kind === "device") deviceIdentities(record.device, undefined);
      const sealed = sealForStore(record, decodeProvisioningRecord(value, contentType), this.#sealingKeys);
      return { record, stored: { ...ref, value: lwm2m.v1.ProvisioningRecord.encode(sealed).finish(), offset } };
    } catch (error) {
      if (error instanceof ProvisioningError) throw error;
      this.#ports.logger.error({ ...ref, offset, err: error }, "A provisioning record could not be judged: a defect");
      throw new ProvisioningError("", "cannot be judged: a defect of Ferry, of which the rpc-router's log tells more", {
        cause: error,
      });
    }
  }

  async #held({ tenant, id }: RecordRef): Promise<Held> {
    const { provisioning } = this.#ports;
    const [stored, credential] = await Promise.all([
      provisioning.get("device", tenant, id),
      provisioning.get("credential", tenant, id),
    ]);
    const device = stored && parseStoredRecord(stored);
    const generated = credential && parseStoredRecord(credential);
    return {
      stored,
      device: device?.kind === "device" ? device.device : undefined,
      generated: generated?.kind === "credential" ? generated.credential : undefined,
      previous: generated?.kind === "credential" ? generated.previous : [],
    };
  }

  /** Profiles change by themselves later on: what a device is given then, the bootstrap service judges. */
  async #requireProfile(device: DeviceDeclaration): Promise<void> {
    const { tenant, profile } = device;
    const stored = await this.#ports.provisioning.get("profile", tenant, profile);
    if (stored === undefined)
      throw new ProvisioningError(
        "profile",
        `"${profile}" is not a profile of the tenant "${tenant}": publish it first`,
      );
    const record = device.bootstrap && parseStoredRecord(stored);
    if (record?.kind === "profile") checkAccountKeys(device, record.profile);
  }

  async #store(
    stored: StoredRecord,
    identities: readonly CredentialIdentity[],
    record: ProvisionedRecord,
  ): Promise<void> {
    const outcome = await this.#ports.provisioning.put(stored, identities);
    if (outcome.type === "stored") return;
    const { identity, by } = outcome;
    if (identity.type === "ca") {
      throw new ProvisioningError(
        fieldOf(identity, record),
        `has a CA that the tenant "${by.tenant}" has declared already (with "${by.id}"); a CA belongs to one tenant`,
      );
    }
    throw new ProvisioningError(
      fieldOf(identity, record),
      `is the identity of the device "${by.tenant}/${by.id}" already; an identity belongs to one device`,
    );
  }

  /** A generated credential came or went: whether the device's name alone counts changes with it. */
  async #changeGenerated(ref: RecordRef, held: Held, change: Pick<Held, "generated" | "previous">): Promise<void> {
    const { stored, device } = held;
    if (stored && device) await this.#ports.provisioning.put(stored, deviceIdentities(device, change.generated));
    await this.#endWhatWasWithdrawn(ref, held, { ...held, ...change });
  }

  /**
   * A device that may no longer prove itself as it did must not stay registered by it.
   *
   * A replaced credential goes when the device has registered with the new one: that registration stays.
   */
  async #endWhatWasWithdrawn(ref: RecordRef, before: Held, after: Held): Promise<void> {
    const still = new Set(identitiesInForce(ref, after));
    if (identitiesInForce(ref, { ...before, previous: [] }).every((identity) => still.has(identity))) return;
    await this.#endRegistrations(ref, "its credential was withdrawn");
  }

  async #endRegistrations({ tenant, id }: RecordRef, reason: string): Promise<void> {
    const prefix = patternPrefix(id);
    if (prefix === undefined) await endRegistration({ tenant, endpoint: id }, reason, this.#ports);
    else await endRegistrationsOfFleet(tenant, prefix, reason, this.#ports);
  }
}

/** By which LwM2M servers know the device. */
function identitiesInForce({ id }: RecordRef, { device, generated, previous }: Held): readonly string[] {
  const declared = device === undefined ? [] : serverIdentities(device, generated);
  const added = generated === undefined ? [] : [generated, ...previous].flatMap((one) => identitiesOf(one, id));
  return [...declared, ...added].map(textOf);
}

/** The member of the record that gives an identity. */
function fieldOf(identity: CredentialIdentity, record: ProvisionedRecord): string {
  const isIts = (one: DeviceCredential): boolean =>
    identitiesOf(one, record.id).some((given) => textOf(given) === textOf(identity));
  if (record.kind === "credential") return isIts(record.credential) ? "credential" : "previous[0]";
  if (record.kind !== "device") return record.kind;
  if (patternPrefix(record.id) !== undefined && identity.type === "noSec") return "endpoint";
  const { credentials, bootstrap } = record.device;
  const index = credentials.findIndex(isIts);
  if (index < 0) return `bootstrap.bootstrapServer.${bootstrap?.bootstrapServer?.type ?? ""}`;
  return `credentials[${index}].${credentials[index]?.type ?? ""}`;
}

function textOf(identity: CredentialIdentity): string {
  return JSON.stringify(identity);
}
