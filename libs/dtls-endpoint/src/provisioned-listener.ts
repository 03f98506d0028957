import {
  type Catalogue,
  type CredentialScope,
  CredentialsInForce,
  type ProvisioningSettings,
  readSealingKeys,
  type SealingKeys,
} from "@ferry/provisioning";
import type { Shutdown, StateSettings } from "@ferry/runtime";
import type { ProvisioningStore } from "@ferry/state";
import type { AssociationSealing } from "./association-sealing.ts";
import type { DtlsEndpoint, DtlsEndpointParts } from "./dtls-endpoint.ts";
import { openDtlsEndpoint } from "./open-dtls-endpoint.ts";
import { ProvisionedCredentials } from "./provisioned-credentials.ts";
import { readAssociationSealing } from "./read-sealing.ts";
import { RestoredCredentials } from "./restored-credentials.ts";
import { followServerKeys, NO_SERVER_KEYS } from "./server-keys.ts";
import type { DtlsSettings } from "./settings.ts";

/** What a DTLS listener of a service is opened with. */
export interface DtlsWiring extends Omit<DtlsEndpointParts, "credentials" | "sealing" | "serverKeys"> {
  /** Of the settings, for errors. */
  readonly envPrefix: string;
  readonly keys: DtlsKeys;
  /** To whom devices prove themselves here. */
  readonly scope: CredentialScope;
  readonly provisioning: ProvisioningStore;
  readonly catalogue: Catalogue;
  /** Whether the store has all that Kafka knows of its former life. @throws {StateUnavailableError} */
  readonly isRestored: () => Promise<boolean>;
  readonly shutdown: Pick<Shutdown, "onStop">;
}

/** Keys that are the deployment's, not the server's own. */
export interface DtlsKeys {
  /** For associations and cookies. */
  readonly sealing: AssociationSealing;
  /** For the keys of devices; undefined: none of them can be opened. */
  readonly provisioning: SealingKeys | undefined;
}

/** The keys that the settings name; undefined where there is to be no DTLS listener. @throws {ConfigError} a key is missing, or cannot be used */
export function readDtlsKeys(
  dtls: DtlsSettings,
  { provisioning, state }: Pick<StateSettings, "state"> & { readonly provisioning: ProvisioningSettings },
  random: (size: number) => Uint8Array,
  envPrefix: string,
): DtlsKeys | undefined {
  if (!dtls.enabled) return undefined;
  return {
    sealing: readAssociationSealing(dtls, state, random, envPrefix),
    provisioning: readSealingKeys(provisioning),
  };
}

/** Opens a DTLS listener. */
export type OpenDtls = (wiring: DtlsWiring) => Promise<DtlsEndpoint>;

/**
 * Opens the listener that the settings describe, for devices that are provisioned.
 *
 * @throws {ConfigError} a file of the server's keys cannot be used
 * @throws {UsageError} its port cannot be bound
 */
export const openDtlsListener: OpenDtls = async ({
  envPrefix,
  keys,
  scope,
  provisioning,
  catalogue,
  isRestored,
  shutdown,
  ...parts
}) => {
  const { settings, logger, metrics, clock } = parts;
  const follow = { logger, metrics, wallMs: clock.wallMs, envPrefix };
  const serverKeys = settings.keys === undefined ? NO_SERVER_KEYS : await followServerKeys(settings.keys, follow);
  shutdown.onStop("DTLS keys", async () => serverKeys.stop());
  const credentials = new ProvisionedCredentials({
    inForce: new CredentialsInForce(provisioning, catalogue, scope),
    sealingKeys: keys.provisioning,
    trust: serverKeys,
    wallMs: clock.wallMs,
    logger,
  });
  return await openDtlsEndpoint({
    ...parts,
    credentials: new RestoredCredentials(credentials, isRestored),
    sealing: keys.sealing,
    serverKeys,
  });
};
