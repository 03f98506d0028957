import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, parseProvisioningKey } from "@ferry/proto";
import { ProvisioningError, parseProvisioningRecord } from "@ferry/provisioning";
import type { DeviceRef } from "@ferry/state";
import type { RouterPorts } from "./ports.ts";
import { declaredProfile } from "./provisioned.ts";

/**
 * `requestExpiryMs` of the profiles that have one, by tenant: read from lwm2m.provisioning.v1.
 *
 * Which profile a device has, the store is asked only where its tenant has such profiles: else a request costs no step beyond `accept`.
 */
export class ProfileExpiries {
  readonly #byTenant = new Map<string, Map<string, number>>();

  /** Takes a record of the topic; one that is not valid leaves in force what was before, as everywhere. */
  take({ key, value, headers }: Pick<IncomingRecord, "key" | "value" | "headers">): void {
    const named = parseProvisioningKey(key ?? "");
    if (named?.kind !== "profile") return;
    const { tenant, id } = named;
    try {
      const record = value && parseProvisioningRecord(key ?? "", value, headers[CONTENT_TYPE_HEADER]);
      this.#set(tenant, id, record?.kind === "profile" ? record.profile.requestExpiryMs : undefined);
    } catch (error) {
      if (!(error instanceof ProvisioningError)) throw error;
    }
  }

  #set(tenant: string, profile: string, expiryMs: number | undefined): void {
    const ofTenant = this.#byTenant.get(tenant) ?? new Map<string, number>();
    if (expiryMs === undefined) ofTenant.delete(profile);
    else ofTenant.set(profile, expiryMs);
    if (ofTenant.size === 0) this.#byTenant.delete(tenant);
    else this.#byTenant.set(tenant, ofTenant);
  }

  /** How long a request lives that does not say so itself, ms; undefined where the device's profile does not say it either. */
  async of(device: DeviceRef, { devices, provisioning }: RouterPorts): Promise<number | undefined> {
    const ofTenant = this.#byTenant.get(device.tenant);
    if (ofTenant === undefined) return undefined;
    const state = await devices.get(device);
    const profile = state?.registration.profile ?? (await declaredProfile(device, provisioning));
    return profile === undefined ? undefined : ofTenant.get(profile);
  }
}
