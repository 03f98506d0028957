import { createPublicKey, type KeyObject } from "node:crypto";
import type { ClientCredential, ServerTrust } from "@ferry/dtls";
import { CERTIFICATE_USAGE, SECURITY, SECURITY_MODE } from "../bootstrap/account-resources.ts";
import type { SimulatedObject } from "../object-tree.ts";
import { coreObject, type PlainInstance } from "./core-object.ts";

/** The account of a bootstrap server that a device has from the factory. */
export interface FactoryAccount {
  /** `coap://host:port`, or `coaps://` with a credential. */
  readonly uri: string;
  /** Undefined: NoSec. */
  readonly credential?: ClientCredential;
  /** How long it waits before it asks to be bootstrapped (0/x/11), s; 0 by default. */
  readonly holdOffS?: number;
}

/** LwM2M Security (object 0) as it comes from the factory: instance 0 is the account of the bootstrap server. */
export function securityObject(version: string, { uri, credential, holdOffS = 0 }: FactoryAccount): SimulatedObject {
  return coreObject(SECURITY.object, version, {
    0: {
      [SECURITY.uri]: uri,
      [SECURITY.isBootstrap]: true,
      [SECURITY.holdOff]: holdOffS,
      ...(credential === undefined ? NO_SEC : secured(credential, version)),
    },
  });
}

const NOTHING = new Uint8Array();
const NO_SEC: PlainInstance = {
  [SECURITY.mode]: SECURITY_MODE.noSec,
  [SECURITY.publicKeyOrIdentity]: NOTHING,
  [SECURITY.serverPublicKey]: NOTHING,
  [SECURITY.secretKey]: NOTHING,
};

function secured(credential: ClientCredential, version: string): PlainInstance {
  switch (credential.type) {
    case "psk":
      return {
        [SECURITY.mode]: SECURITY_MODE.psk,
        [SECURITY.publicKeyOrIdentity]: credential.identity,
        [SECURITY.serverPublicKey]: NOTHING,
        [SECURITY.secretKey]: credential.key.export(),
      };
    case "rawPublicKey":
      return {
        [SECURITY.mode]: SECURITY_MODE.rawPublicKey,
        [SECURITY.publicKeyOrIdentity]: publicKeyOf(credential.privateKey),
        [SECURITY.serverPublicKey]: bytesOf(credential.server),
        [SECURITY.secretKey]: pkcs8(credential.privateKey),
      };
    case "certificate":
      return {
        [SECURITY.mode]: SECURITY_MODE.certificate,
        [SECURITY.publicKeyOrIdentity]: credential.chain[0] ?? NOTHING,
        [SECURITY.serverPublicKey]: bytesOf(credential.server),
        [SECURITY.secretKey]: pkcs8(credential.privateKey),
        // Object version 1.0 cannot say how the certificate is meant.
        ...(version !== "1.0" && credential.server.type === "trustAnchor"
          ? { [SECURITY.certificateUsage]: CERTIFICATE_USAGE.trustAnchor }
          : {}),
      };
  }
}

function bytesOf(trust: ServerTrust): Uint8Array {
  return trust.type === "publicKey" ? trust.publicKey : trust.certificate;
}

function pkcs8(key: KeyObject): Uint8Array {
  return key.export({ format: "der", type: "pkcs8" });
}

function publicKeyOf(privateKey: KeyObject): Uint8Array {
  return createPublicKey(privateKey.export({ format: "pem", type: "pkcs8" }) as string) // PEM is a text.
    .export({ format: "der", type: "spki" });
}
