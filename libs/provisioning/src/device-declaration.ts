import type { PowerOverride } from "@ferry/profile";
import type { lwm2m } from "@ferry/proto";

/** Who a device, or a fleet of them, is and how it proves that. */
export interface DeviceDeclaration {
  readonly tenant: string;
  /** LwM2M Endpoint Client Name, or a literal prefix followed by `*`. */
  readonly endpoint: string;
  /** Name of the profile, of the same tenant. */
  readonly profile: string;
  readonly credentials: readonly DeviceCredential[];
  /** Says of a pattern that any device of a matching name is served in the clear. */
  readonly allowUnauthenticatedFleet: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** How the device, or each of the fleet, sleeps, in place of what the profile says; it holds from the next Register on. */
  readonly power: PowerOverride | undefined;
  /** What it shows to the bootstrap server, and is given by it; undefined: what its credentials say. */
  readonly bootstrap: BootstrapKeys | undefined;
}

/** Keys of a device on the bootstrap interface (OMA LwM2M Core 1.1.1 §6.1). */
export interface BootstrapKeys {
  /** What the device shows to the bootstrap server; undefined: one of its `credentials`. */
  readonly bootstrapServer: ClientKeys | undefined;
  /** What it is given for LwM2M servers; undefined: the pre-shared key of its `credentials`, or none where they say noSec. */
  readonly server: ClientKeys | undefined;
}

/** A device's own side of a Security object: what is written to resources 2, 3 and 5 (OMA LwM2M Core 1.1.1 Appendix E.1). */
export type ClientKeys =
  | { readonly type: "noSec" }
  | { readonly type: "psk"; readonly identity: string; readonly key: SecretValue }
  /** SubjectPublicKeyInfo, DER (RFC 7250), and its private key, PKCS#8, DER (RFC 5958). */
  | { readonly type: "rawPublicKey"; readonly publicKey: Uint8Array; readonly privateKey: SecretValue }
  /** Certificate, DER, and its private key, PKCS#8, DER. */
  | { readonly type: "x509"; readonly certificate: Uint8Array; readonly privateKey: SecretValue }
  /** Ferry makes a pre-shared key; for `server` only. */
  | { readonly type: "generatePsk" };

/** One way for a device to prove who it is. */
export type DeviceCredential =
  | { readonly type: "noSec" }
  | { readonly type: "psk"; readonly identity: string; readonly key: SecretValue }
  /** SubjectPublicKeyInfo, DER (RFC 7250). */
  | { readonly type: "rawPublicKey"; readonly publicKey: Uint8Array }
  /** DER; a certificate of the device, or the CA that signs it. With neither: any certificate of a CA in the deployment's trust files that bears the name. */
  | { readonly type: "x509"; readonly certificate: Uint8Array | undefined; readonly ca: Uint8Array | undefined };

/** Bytes that must not be read by everyone: as they are, or sealed with AES-256-GCM. */
export type SecretValue =
  | { readonly type: "plain"; readonly bytes: Uint8Array }
  | { readonly type: "sealed"; readonly sealed: lwm2m.v1.Sealed.$Properties };

/** The literal prefix of a pattern; `undefined` when the endpoint is not a pattern. */
export function patternPrefix(endpoint: string): string | undefined {
  return endpoint.endsWith("*") ? endpoint.slice(0, -1) : undefined;
}

/** Whether anything but the bare endpoint name is needed. */
export function isSecure(credentials: readonly DeviceCredential[]): boolean {
  return credentials.some(({ type }) => type !== "noSec");
}
