import type { StoredRecord } from "@ferry/state";
import type { ClientKeys, DeviceCredential, DeviceDeclaration } from "./device-declaration.ts";
import { parseStoredRecord } from "./parse-stored-record.ts";

/** To whom a device proves itself: to LwM2M servers, or to the bootstrap server. */
export type CredentialScope = "server" | "bootstrap";

/**
 * What a device may prove itself by now.
 *
 * To LwM2M servers: what Ferry generated for it, else what is declared. To the bootstrap server: the key that is declared for that and no other, else all of
 * these: a device keeps the account that it bootstraps with while its others change.
 */
export function credentialsInForce(
  declaration: DeviceDeclaration | undefined,
  generated: readonly DeviceCredential[] | undefined,
  scope: CredentialScope,
): readonly DeviceCredential[] {
  const declared = declaration?.credentials ?? [];
  if (scope === "server") return generated ?? declared;
  const own = declaration?.bootstrap?.bootstrapServer;
  return own === undefined ? [...declared, ...(generated ?? [])] : toCredentials(own);
}

/** How a device with these keys is known. */
export function toCredentials(keys: ClientKeys): readonly DeviceCredential[] {
  switch (keys.type) {
    case "noSec":
    case "psk":
      return [keys];
    case "rawPublicKey":
      return [{ type: "rawPublicKey", publicKey: keys.publicKey }];
    case "x509":
      return [{ type: "x509", certificate: keys.certificate, ca: undefined }];
    case "generatePsk":
      return [];
  }
}

/** What a stored `device` record declares; undefined without one, or when it is not valid. */
export function storedDeclaration(stored: StoredRecord | undefined): DeviceDeclaration | undefined {
  const record = stored && parseStoredRecord(stored);
  return record?.kind === "device" ? record.device : undefined;
}

/** What Ferry generated for a device by its stored `credential` record: the credential, then the one that it replaces while that is accepted too. Undefined without a record; none when it is not valid. */
export function generatedCredentials(stored: StoredRecord | undefined): readonly DeviceCredential[] | undefined {
  if (stored === undefined) return undefined;
  const record = parseStoredRecord(stored);
  return record?.kind === "credential" ? [record.credential, ...record.previous] : [];
}
