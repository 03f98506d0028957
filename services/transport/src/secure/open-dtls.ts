import {
  type AssociationSealing,
  type DtlsEndpoint,
  type DtlsEndpointParts,
  followServerKeys,
  NO_SERVER_KEYS,
  openDtlsEndpoint,
  ProvisionedCredentials,
  RestoredCredentials,
  readAssociationSealing,
} from "@ferry/dtls-endpoint";
import { type Catalogue, CredentialsInForce, readSealingKeys, type SealingKeys } from "@ferry/provisioning";
import type { Shutdown, State } from "@ferry/runtime";
import type { TransportSettings } from "../config.ts";

/** What a DTLS listener is opened with. */
export interface DtlsWiring
  extends Pick<
    DtlsEndpointParts,
    "openSocket" | "node" | "mayServe" | "askOwner" | "on" | "metrics" | "logger" | "clock" | "random"
  > {
  readonly settings: Pick<TransportSettings, "dtls">;
  readonly keys: DtlsKeys;
  readonly state: State;
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
  { dtls, provisioning, state }: Pick<TransportSettings, "dtls" | "provisioning" | "state">,
  random: (size: number) => Uint8Array,
): DtlsKeys | undefined {
  if (!dtls.enabled) return undefined;
  return { sealing: readAssociationSealing(dtls, state, random), provisioning: readSealingKeys(provisioning) };
}

/** Opens a DTLS listener. */
export type OpenDtls = (wiring: DtlsWiring) => Promise<DtlsEndpoint>;

/**
 * Opens the listener that the settings describe.
 *
 * @throws {ConfigError} a file of the server's keys cannot be used
 * @throws {UsageError} its port cannot be bound
 */
export const openDtlsListener: OpenDtls = async ({
  settings: { dtls },
  keys,
  state,
  catalogue,
  isRestored,
  shutdown,
  ...parts
}) => {
  const { logger, metrics, clock } = parts;
  const follow = { logger, metrics, wallMs: clock.wallMs };
  const serverKeys = dtls.keys === undefined ? NO_SERVER_KEYS : await followServerKeys(dtls.keys, follow);
  shutdown.onStop("DTLS keys", async () => serverKeys.stop());
  const inForce = new CredentialsInForce(state.provisioning, catalogue);
  const credentials = new ProvisionedCredentials({
    inForce,
    sealingKeys: keys.provisioning,
    trust: serverKeys,
    wallMs: clock.wallMs,
    logger,
  });
  return await openDtlsEndpoint({
    ...parts,
    settings: dtls,
    credentials: new RestoredCredentials(credentials, isRestored),
    associations: state.associations,
    sealing: keys.sealing,
    serverKeys,
  });
};
