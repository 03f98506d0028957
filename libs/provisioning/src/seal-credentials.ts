import type { lwm2m } from "@ferry/proto";
import { type SealingKeys, sealSecret } from "./sealing.ts";

/** Seals those secrets of a device's credentials that are plain. `device` is `tenant/endpoint`. */
export function sealCredentials(
  credentials: readonly lwm2m.v1.Credential.$Properties[],
  device: string,
  keys: SealingKeys,
  random: (size: number) => Uint8Array,
): lwm2m.v1.Credential.$Properties[] {
  return credentials.map((credential) => {
    const plain = credential.psk?.key?.plain;
    if (!credential.psk || !plain) return credential;
    return {
      psk: { identity: credential.psk.identity ?? "", key: { sealed: sealSecret(keys, plain, device, random) } },
    };
  });
}
