import type { CredentialIdentity, DeviceRef, ProvisioningStore, StoredRecord } from "@ferry/state";
import type { Catalogue } from "./catalogue.ts";
import { type DeviceCredential, patternPrefix } from "./device-declaration.ts";
import { certificateNameIdentity } from "./device-identities.ts";
import { DEFAULT_TENANT } from "./document.ts";
import { parseStoredRecord } from "./parse-stored-record.ts";

/** A device, and what it may prove itself by now. */
export interface CredentialHolder {
  readonly device: DeviceRef;
  readonly credentials: readonly DeviceCredential[];
}

type X509Credential = Extract<DeviceCredential, { type: "x509" }>;

/**
 * Who may prove itself, and by what: the credential that Ferry generated for a device, else those that are declared with it, else those of its fleet.
 *
 * The catalogue says which fleets there may be, the store which of them are in force. All reject with `StateUnavailableError` when the store is away.
 */
export class CredentialsInForce {
  readonly #store: ProvisioningStore;
  readonly #catalogue: Pick<Catalogue, "decidingRecords" | "patternsOf">;

  constructor(store: ProvisioningStore, catalogue: Pick<Catalogue, "decidingRecords" | "patternsOf">) {
    this.#store = store;
    this.#catalogue = catalogue;
  }

  /** The exact device that has an identity. What it may prove itself by now can be another one. */
  async byIdentity(identity: CredentialIdentity): Promise<CredentialHolder | undefined> {
    const record = await this.#store.deviceByIdentity(identity);
    if (record === undefined || patternPrefix(record.id) !== undefined) return undefined;
    const { tenant, id } = record;
    const generated = await this.#store.get("credential", tenant, id);
    return { device: { tenant, endpoint: id }, credentials: inForce(record, generated) };
  }

  /** What a device may prove itself by: its own credentials or, of one that has no record, those of its fleet. */
  async of({ tenant, endpoint }: DeviceRef): Promise<readonly DeviceCredential[]> {
    const [record, generated] = await Promise.all([
      this.#store.get("device", tenant, endpoint),
      this.#store.get("credential", tenant, endpoint),
    ]);
    if (record !== undefined || generated !== undefined) return inForce(record, generated);
    const deciding = await this.#catalogue.decidingRecords({ tenant, endpoint });
    return inForce(deciding.record, deciding.generated);
  }

  /**
   * The devices that a certificate with this name may belong to, at most one of each tenant: those that name one of its issuers as their CA (subjects as
   * X509Certificate prints them), and those of the default tenant. Whether the CA has signed it is for the caller to verify: that, not the name, picks the tenant.
   */
  async byCertificateName(name: string, issuers: readonly string[]): Promise<readonly CredentialHolder[]> {
    if (name === "" || name.includes("*")) return [];
    const names = [name, ...new Set(this.#catalogue.patternsOf(name).map(({ endpoint }) => endpoint))];
    const identities = names.flatMap((text) => issuers.map((issuer) => certificateNameIdentity(issuer, text)));
    // A pattern's CAs are asked of the store too: what the topic says of them may have been rejected.
    const declared = await Promise.all(identities.map((identity) => this.#store.deviceByIdentity(identity)));
    const tenants = new Set([DEFAULT_TENANT, ...declared.flatMap((record) => record?.tenant ?? [])]);
    const holders = await Promise.all(
      [...tenants].map(async (tenant) => {
        const device = { tenant, endpoint: name };
        return { device, credentials: (await this.of(device)).filter(isX509) };
      }),
    );
    return holders.filter(({ credentials }) => credentials.length > 0);
  }
}

function isX509(credential: DeviceCredential): credential is X509Credential {
  return credential.type === "x509";
}

/** What Ferry generated wins over what is declared. A record that cannot be read gives nothing. */
function inForce(record: StoredRecord | undefined, generated: StoredRecord | undefined): readonly DeviceCredential[] {
  if (generated !== undefined) {
    const parsed = parseStoredRecord(generated);
    return parsed?.kind === "credential" ? [parsed.credential] : [];
  }
  const parsed = record && parseStoredRecord(record);
  return parsed?.kind === "device" ? parsed.device.credentials : [];
}
