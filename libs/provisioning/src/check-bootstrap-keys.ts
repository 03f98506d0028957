import { X509Certificate } from "node:crypto";
import { isSignedBy } from "./check-der.ts";
import {
  type ClientKeys,
  type DeviceCredential,
  type DeviceDeclaration,
  isSecure,
  patternPrefix,
  type SecretValue,
} from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";

type Of<Type extends ClientKeys["type"]> = Extract<ClientKeys, { type: Type }>;

/**
 * Checks what a device is given against what it is known by: it must not be bootstrapped and then be refused everywhere.
 *
 * Secrets that are sealed are taken for what they should be. @throws {ProvisioningError}
 */
export function checkBootstrapKeys(declaration: DeviceDeclaration): void {
  const { endpoint, credentials, bootstrap } = declaration;
  if (bootstrap === undefined) return;
  const { bootstrapServer, server } = bootstrap;
  if (patternPrefix(endpoint) !== undefined) checkFleetKeys(bootstrapServer, server);
  switch (server?.type) {
    case undefined:
      checkHasKeys(credentials);
      break;
    case "noSec":
      checkNoSec(credentials);
      break;
    case "psk":
      checkPsk(server, credentials);
      break;
    case "rawPublicKey":
      checkRawPublicKey(server, credentials);
      break;
    case "x509":
      checkX509(server, declaration);
      break;
    case "generatePsk":
      checkGenerated(bootstrapServer, credentials);
      break;
  }
}

function checkFleetKeys(bootstrapServer: ClientKeys | undefined, server: ClientKeys | undefined): void {
  if (bootstrapServer !== undefined && bootstrapServer.type !== "noSec") {
    throw new ProvisioningError(
      `bootstrap.bootstrapServer.${bootstrapServer.type}`,
      "belongs to one device: a pattern takes noSec, or leaves bootstrapServer out, and its credentials count",
    );
  }
  if (server !== undefined && server.type !== "noSec" && server.type !== "generatePsk") {
    throw new ProvisioningError(
      `bootstrap.server.${server.type}`,
      "belongs to one device: a pattern takes noSec or generate: psk",
    );
  }
}

function checkHasKeys(credentials: readonly DeviceCredential[]): void {
  if (credentials.some(({ type }) => type === "psk" || type === "noSec")) return;
  throw new ProvisioningError(
    "bootstrap.server",
    "is missing: of `credentials` the private key is not known here; declare it with its private key, or generate: psk",
  );
}

function checkNoSec(credentials: readonly DeviceCredential[]): void {
  if (credentials.some(({ type }) => type === "noSec")) return;
  throw new ProvisioningError(
    "bootstrap.server.noSec",
    "would have the device come in the clear, and `credentials` do not let it: add noSec there, or give it one of their keys",
  );
}

function checkPsk({ identity, key }: Of<"psk">, credentials: readonly DeviceCredential[]): void {
  const index = credentials.findIndex((one) => one.type === "psk" && one.identity === identity);
  const declared = credentials[index];
  if (declared?.type !== "psk")
    throw new ProvisioningError("bootstrap.server.psk.identity", unknown(`psk with the identity "${identity}"`));
  if (mayEqual(key, declared.key)) return;
  throw new ProvisioningError(
    "bootstrap.server.psk.key",
    `is not credentials[${index}].psk.key: the device would be bootstrapped and then refused; make them equal, or leave server out`,
  );
}

function checkRawPublicKey({ publicKey }: Of<"rawPublicKey">, credentials: readonly DeviceCredential[]): void {
  if (credentials.some((one) => one.type === "rawPublicKey" && isEqual(one.publicKey, publicKey))) return;
  throw new ProvisioningError("bootstrap.server.rawPublicKey.publicKey", unknown("rawPublicKey with this public key"));
}

function checkX509({ certificate }: Of<"x509">, { endpoint, credentials }: DeviceDeclaration): void {
  const field = "bootstrap.server.x509.certificate";
  const x509 = credentials.filter((one) => one.type === "x509");
  if (x509.some((one) => one.certificate !== undefined && isEqual(one.certificate, certificate))) return;
  // The CAs of the trust files are not known here.
  const isIssued = x509.some(
    (one) => one.certificate === undefined && (one.ca === undefined || isSignedBy(certificate, one.ca)),
  );
  if (!isIssued)
    throw new ProvisioningError(field, unknown("x509 with this certificate, or with the CA that signed it"));
  const { subject, subjectAltName } = new X509Certificate(certificate);
  if (!PLAIN_NAME.test(endpoint) || `${subject}\n${subjectAltName}`.includes(endpoint)) return;
  throw new ProvisioningError(
    field,
    `does not bear the name "${endpoint}", by which a device with a certificate of a CA is known: give one that does, or declare this one in credentials`,
  );
}

/** Names that X509Certificate prints as they are. */
const PLAIN_NAME = /^[A-Za-z0-9:._-]+$/;

function checkGenerated(bootstrapServer: ClientKeys | undefined, credentials: readonly DeviceCredential[]): void {
  if (bootstrapServer === undefined && !isSecure(credentials))
    throw new ProvisioningError(
      "bootstrap.bootstrapServer",
      "is missing: a key would be given to whoever knows the name; say what the device proves itself by, or noSec: true if that is meant",
    );
  if (credentials.some(({ type }) => type === "noSec"))
    throw new ProvisioningError(
      "bootstrap.server.generate",
      "would end noSec of `credentials` as soon as a key is made, before the device has it: leave noSec out there",
    );
  // A credential record has room for one `previous`.
  if (credentials.length > 1)
    throw new ProvisioningError(
      "bootstrap.server.generate",
      `replaces one credential, and \`credentials\` have ${credentials.length}: those beside it would end before the device has its key; declare the one that it uses alone`,
    );
}

function unknown(what: string): string {
  return `would be given, and \`credentials\` have no ${what}: the device would be bootstrapped and then refused; declare it there too`;
}

/** Whether two secrets are the same as far as that can be seen. */
function mayEqual(a: SecretValue, b: SecretValue): boolean {
  return a.type === "sealed" || b.type === "sealed" || isEqual(a.bytes, b.bytes);
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
