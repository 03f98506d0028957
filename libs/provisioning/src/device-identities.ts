import { hash, X509Certificate } from "node:crypto";
import type { CredentialIdentity } from "@ferry/state";
import { toCredentials } from "./credential-scope.ts";
import { type DeviceCredential, type DeviceDeclaration, isSecure } from "./device-declaration.ts";

/**
 * The identities by which a device, or a fleet, is found, at LwM2M servers and at the bootstrap server: whoever finds it asks what is in force there.
 *
 * A pattern owns its own text as a NoSec identity, so that no other tenant has one of equal reach. `generated` is the credential that Ferry wrote for
 * the device: it wins, and being secure it ends service in the clear.
 */
export function deviceIdentities(
  declaration: DeviceDeclaration,
  generated: DeviceCredential | undefined,
): readonly CredentialIdentity[] {
  const own = declaration.bootstrap?.bootstrapServer;
  const atBootstrap = own === undefined ? [] : toCredentials(own);
  const identities = [
    ...serverIdentities(declaration, generated),
    ...atBootstrap.flatMap((credential) => identitiesOf(credential, declaration.endpoint)),
  ];
  return [...new Map(identities.map((identity) => [JSON.stringify(identity), identity])).values()];
}

/** Those by which it is found at LwM2M servers. */
export function serverIdentities(
  { endpoint, credentials }: DeviceDeclaration,
  generated: DeviceCredential | undefined,
): readonly CredentialIdentity[] {
  const inTheClear = !isSecure(credentials) && generated === undefined;
  return credentials
    .filter(({ type }) => type !== "noSec" || inTheClear)
    .flatMap((credential) => identitiesOf(credential, endpoint));
}

/** The identities that a credential gives. A certificate of the deployment's trusted CAs gives none: it is found by the name that it bears. */
export function identitiesOf(credential: DeviceCredential, endpoint: string): readonly CredentialIdentity[] {
  switch (credential.type) {
    case "noSec":
      return [{ type: "noSec", endpoint }];
    case "psk":
      return [{ type: "psk", identity: credential.identity }];
    case "rawPublicKey":
      return [publicKeyIdentity(credential.publicKey)];
    case "x509": {
      const { certificate, ca } = credential;
      return [
        ...(certificate === undefined ? [] : [publicKeyIdentity(subjectPublicKeyInfo(certificate))]),
        ...(ca === undefined ? [] : caIdentities(ca, endpoint)),
      ];
    }
  }
}

/** The holder of a public key: SubjectPublicKeyInfo, DER. */
export function publicKeyIdentity(subjectPublicKeyInfo: Uint8Array): CredentialIdentity {
  return { type: "publicKey", sha256Hex: hash("sha256", subjectPublicKeyInfo, "hex") };
}

/** The name, or pattern of names, in certificates whose issuer is called so: a subject or issuer as X509Certificate prints it, undefined when it is empty. */
export function certificateNameIdentity(
  issuer: string | undefined,
  endpoint: string,
): Extract<CredentialIdentity, { type: "certificateName" }> {
  // Names that differ in case and white space alone are one (RFC 5280 §7.1).
  const text = (issuer ?? "").toLowerCase().replace(/[ \t]+/g, " ");
  return { type: "certificateName", issuerSha256Hex: hash("sha256", text, "hex"), endpoint };
}

function caIdentities(ca: Uint8Array, endpoint: string): readonly CredentialIdentity[] {
  return [
    certificateNameIdentity(new X509Certificate(ca).subject, endpoint),
    { type: "ca", sha256Hex: hash("sha256", subjectPublicKeyInfo(ca), "hex") },
  ];
}

function subjectPublicKeyInfo(certificate: Uint8Array): Uint8Array {
  return new X509Certificate(certificate).publicKey.export({ format: "der", type: "spki" });
}
