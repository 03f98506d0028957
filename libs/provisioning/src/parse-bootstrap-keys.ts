import { createPublicKey, X509Certificate } from "node:crypto";
import type { lwm2m } from "@ferry/proto";
import { checkCertificate, checkPrivateKey, checkPublicKey } from "./check-der.ts";
import type { BootstrapKeys, ClientKeys } from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";
import { checkOne, MAX_SECRET_BYTES, parsePsk, parseSecret } from "./parse-credential.ts";

/** Checks the keys of a device on the bootstrap interface, each by itself. @throws {ProvisioningError} */
export function parseBootstrapKeys({ bootstrapServer, server }: lwm2m.v1.BootstrapKeys.$Properties): BootstrapKeys {
  const keys: BootstrapKeys = {
    bootstrapServer: bootstrapServer ? parseClientKeys(bootstrapServer, "bootstrap.bootstrapServer") : undefined,
    server: server ? parseClientKeys(server, "bootstrap.server") : undefined,
  };
  if (keys.bootstrapServer?.type === "generatePsk") {
    throw new ProvisioningError(
      "bootstrap.bootstrapServer.generate",
      "is for `server` only: whom to give a key to, the bootstrap server knows by a key that is there before",
    );
  }
  return keys;
}

function parseClientKeys(keys: lwm2m.v1.ClientKeys.$Properties, field: string): ClientKeys {
  const { noSec, psk, rawPublicKey, x509, generatePsk } = keys;
  checkOne({ noSec, psk, rawPublicKey, x509, generate: generatePsk }, field);
  if (psk) return parsePsk(psk, `${field}.psk`);
  if (rawPublicKey) return parseRawPublicKeyPair(rawPublicKey, `${field}.rawPublicKey`);
  if (x509) return parseCertificateKeyPair(x509, `${field}.x509`);
  return { type: generatePsk ? "generatePsk" : "noSec" };
}

function parseRawPublicKeyPair(pair: lwm2m.v1.RawPublicKeyPair.$Properties, field: string): ClientKeys {
  const publicKey = checkPublicKey(pair.publicKey, `${field}.publicKey`);
  const privateKey = parsePrivateKey(pair.privateKey ?? {}, `${field}.privateKey`);
  if (privateKey.type === "plain") {
    const key = createPublicKey({ key: Buffer.from(publicKey), format: "der", type: "spki" });
    checkPrivateKey(privateKey.bytes, key, `${field}.privateKey`, "publicKey");
  }
  return { type: "rawPublicKey", publicKey, privateKey };
}

function parseCertificateKeyPair(pair: lwm2m.v1.CertificateKeyPair.$Properties, field: string): ClientKeys {
  const certificate = checkCertificate(pair.certificate, `${field}.certificate`);
  const privateKey = parsePrivateKey(pair.privateKey ?? {}, `${field}.privateKey`);
  if (privateKey.type === "plain")
    checkPrivateKey(privateKey.bytes, new X509Certificate(certificate).publicKey, `${field}.privateKey`, "certificate");
  return { type: "x509", certificate, privateKey };
}

function parsePrivateKey(secret: lwm2m.v1.Secret.$Properties, field: string): ReturnType<typeof parseSecret> {
  const parsed = parseSecret(secret, field);
  if (parsed.type === "plain" && parsed.bytes.length > MAX_SECRET_BYTES) {
    throw new ProvisioningError(
      field,
      `has ${parsed.bytes.length} bytes, at most ${MAX_SECRET_BYTES} are possible: PKCS#8 of P-256 has 138`,
    );
  }
  return parsed;
}
