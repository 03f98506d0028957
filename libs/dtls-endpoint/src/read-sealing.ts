import { parseSealingKeys, SealingError } from "@ferry/provisioning";
import { ConfigError } from "@ferry/runtime";
import { type AssociationSealing, deriveAssociationSealing } from "./association-sealing.ts";
import type { DtlsSettings } from "./settings.ts";

const KEY_BYTES = 32;

/**
 * The keys that associations are sealed with. Without the setting a memory that ends with this process has a key that ends with it too; a store that
 * other nodes read has none. `envPrefix`: of the settings, for errors.
 *
 * @throws {ConfigError} the setting is missing, or holds no key
 */
export function readAssociationSealing(
  { sealingKey }: Pick<DtlsSettings, "sealingKey">,
  state: "redis" | "memory",
  random: (size: number) => Uint8Array,
  envPrefix = "LWM2M_DTLS",
): AssociationSealing {
  if (sealingKey === undefined && state === "redis") {
    throw new ConfigError([
      `${envPrefix}_SEALING_KEY_FILE is not set: DTLS associations lie in Redis only sealed. Make a key for all nodes with \`ferry keys generate sealing\`, or switch DTLS off with ${envPrefix}_ENABLED=false`,
    ]);
  }
  try {
    return deriveAssociationSealing(parseSealingKeys(sealingKey ?? Buffer.from(random(KEY_BYTES)).toString("base64")));
  } catch (error) {
    if (error instanceof SealingError) throw new ConfigError([`${envPrefix}_SEALING_KEY_FILE: ${error.message}`]);
    throw error;
  }
}
