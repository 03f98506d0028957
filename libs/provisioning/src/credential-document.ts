import type { lwm2m } from "@ferry/proto";
import type { DeviceRef } from "@ferry/state";
import type { DeviceCredential, SecretValue } from "./device-declaration.ts";
import type { ProvisioningDocument } from "./document.ts";

/** A credential that Ferry made for a device, and what is accepted too until a document without it comes: at most one. */
export function credentialDocument(
  { tenant, endpoint }: DeviceRef,
  credential: DeviceCredential,
  previous: readonly DeviceCredential[],
): ProvisioningDocument {
  const body = { credential: toWire(credential), ...(previous.length > 0 ? { previous: previous.map(toWire) } : {}) };
  return { kind: "credential", tenant, id: endpoint, body };
}

function toWire(credential: DeviceCredential): lwm2m.v1.Credential.$Properties {
  switch (credential.type) {
    case "noSec":
      return { noSec: {} };
    case "psk":
      return { psk: { identity: credential.identity, key: secretToWire(credential.key) } };
    case "rawPublicKey":
      return { rawPublicKey: { publicKey: credential.publicKey } };
    case "x509": {
      const { certificate, ca } = credential;
      return { x509: { ...(certificate === undefined ? {} : { certificate }), ...(ca === undefined ? {} : { ca }) } };
    }
  }
}

function secretToWire(secret: SecretValue): lwm2m.v1.Secret.$Properties {
  return secret.type === "plain" ? { plain: secret.bytes } : { sealed: secret.sealed };
}
