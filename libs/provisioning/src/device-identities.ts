import { hash, X509Certificate } from "node:crypto";
import type { CredentialIdentity } from "@ferry/state";
import { type DeviceCredential, type DeviceDeclaration, isSecure } from "./device-declaration.ts";

/**
 * The identities by which a device, or a fleet, is found.
 *
 * A pattern owns its own text as a NoSec identity, so that no other tenant has one of equal reach. `generated` is the credential that Ferry wrote for
 * the device: it wins, and being secure it ends service in the clear.
 */
export function deviceIdentities(
  { endpoint, credentials }: DeviceDeclaration,
  generated: DeviceCredential | undefined,
): readonly CredentialIdentity[] {
  const inTheClear = !isSecure(credentials) && generated === undefined;
  return credentials
    .filter(({ type }) => type !== "noSec" || inTheClear)
    .flatMap((credential) => identitiesOf(credential, endpoint));
}

/** The identity that a credential gives; a CA gives none, for the endpoint is in the certificates that it signs. */
export function identitiesOf(credential: DeviceCredential, endpoint: string): readonly CredentialIdentity[] {
  switch (credential.type) {
    case "noSec":
      return [{ type: "noSec", endpoint }];
    case "psk":
      return [{ type: "psk", identity: credential.identity }];
    case "rawPublicKey":
      return [publicKeyIdentity(credential.publicKey)];
    case "x509": {
      if (credential.certificate === undefined) return [];
      const { publicKey } = new X509Certificate(credential.certificate);
      return [publicKeyIdentity(publicKey.export({ format: "der", type: "spki" }))];
    }
  }
}

function publicKeyIdentity(subjectPublicKeyInfo: Uint8Array): CredentialIdentity {
  return { type: "publicKey", sha256Hex: hash("sha256", subjectPublicKeyInfo, "hex") };
}
