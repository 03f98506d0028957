import type { CredentialIdentity, DeviceRecords, DeviceRef, ProvisioningStore } from "@ferry/state";
import type { Catalogue } from "./catalogue.ts";
import {
  type CredentialScope,
  credentialsInForce,
  generatedCredentials,
  storedDeclaration,
} from "./credential-scope.ts";
import { type DeviceCredential, patternPrefix } from "./device-declaration.ts";
import { certificateNameIdentity } from "./device-identities.ts";
import { DEFAULT_TENANT } from "./document.ts";

/** A device, and what it may prove itself by now. */
export interface CredentialHolder {
  readonly device: DeviceRef;
  readonly credentials: readonly DeviceCredential[];
}

type X509Credential = Extract<DeviceCredential, { type: "x509" }>;

/**
 * Who may prove itself, and by what: see {@link credentialsInForce}; a device without a record has those of its fleet.
 *
 * The catalogue says which fleets there may be, the store which of them are in force. All reject with `StateUnavailableError` when the store is away.
 */
export class CredentialsInForce {
  readonly #store: ProvisioningStore;
  readonly #catalogue: Pick<Catalogue, "decidingRecords" | "patternsOf">;
  readonly #scope: CredentialScope;

  constructor(
    store: ProvisioningStore,
    catalogue: Pick<Catalogue, "decidingRecords" | "patternsOf">,
    scope: CredentialScope = "server",
  ) {
    this.#store = store;
    this.#catalogue = catalogue;
    this.#scope = scope;
  }

  /** The device that has an identity of its own. What it may prove itself by now can be another one. */
  async byIdentity(identity: CredentialIdentity): Promise<CredentialHolder | undefined> {
    const records = await this.#store.deviceByIdentity(identity);
    // A device of a fleet has no record of its own, but what was generated for it.
    const owner = records?.record ?? records?.generated;
    if (records === undefined || owner === undefined || patternPrefix(owner.id) !== undefined) return undefined;
    const device = { tenant: owner.tenant, endpoint: owner.id };
    return { device, credentials: await this.#inForce(device, records) };
  }

  /** What a device may prove itself by. */
  async of(device: DeviceRef): Promise<readonly DeviceCredential[]> {
    const { tenant, endpoint } = device;
    return this.#inForce(device, await this.#store.deviceRecords(tenant, endpoint));
  }

  async #inForce(device: DeviceRef, own: DeviceRecords): Promise<readonly DeviceCredential[]> {
    const isDecided = own.record !== undefined || (this.#scope === "server" && own.generated !== undefined);
    const deciding = isDecided ? own : await this.#catalogue.decidingRecords(device);
    return credentialsInForce(
      storedDeclaration(deciding.record),
      generatedCredentials(deciding.generated),
      this.#scope,
    );
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
    const tenants = new Set([
      DEFAULT_TENANT,
      ...declared.flatMap((records) => (records?.record ?? records?.generated)?.tenant ?? []),
    ]);
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
