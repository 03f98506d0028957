import { ConfigError, type Section, secret, section } from "@ferry/runtime";
import { SealingError } from "./errors.ts";
import { parseSealingKeys, type SealingKeys } from "./sealing.ts";

/** Keys that secrets are sealed with. */
export interface ProvisioningSettings {
  readonly sealingKey?: string | undefined;
}

export const provisioningSettings: Section<ProvisioningSettings> = section<ProvisioningSettings>("PROVISIONING", {
  sealingKey: secret()
    .optional()
    .describe(
      "Keys that secrets are sealed with before they lie in Redis, and opened with when a device connects: 32 bytes of Base64 a line (`openssl rand -base64 32`); the first one seals, all open. Without one, devices with a PSK are rejected.",
    ),
});

/** The keys of the setting. @throws {ConfigError} it holds none */
export function readSealingKeys({ sealingKey }: ProvisioningSettings): SealingKeys | undefined {
  if (sealingKey === undefined) return undefined;
  try {
    return parseSealingKeys(sealingKey);
  } catch (error) {
    if (error instanceof SealingError) throw new ConfigError([`PROVISIONING_SEALING_KEY_FILE: ${error.message}`]);
    throw error;
  }
}
