import { toPowerForm } from "@ferry/profile";
import type { lwm2m } from "@ferry/proto";
import { z } from "zod";
import { ProvisioningError } from "./errors.ts";
import { MASK, parseDerText, parsePskText } from "./key-text.ts";
import { parsePower } from "./parse-device.ts";

const text = z.string({
  // YAML reads 0042 and 1e5 as numbers.
  error: ({ input }) =>
    input === undefined
      ? "is missing"
      : `is ${typeof input === "number" ? "a number: put it in quotes" : "not a text"}`,
});

const yes = z.literal(true, { error: "is true or left out" });
const sealed = z.strictObject({ sealed: z.strictObject({ keyId: text, nonce: text, ciphertext: text }) });

const psk = z.strictObject({ identity: text, key: secretText("a key in hex or Base64") });

const credential = z.strictObject({
  noSec: yes.optional(),
  psk: psk.optional(),
  rawPublicKey: text.optional(),
  x509: z.strictObject({ certificate: text.optional(), ca: text.optional() }).optional(),
});

const privateKey = secretText("a private key in hex, Base64 or PEM");

const clientKeys = z.strictObject({
  noSec: yes.optional(),
  psk: psk.optional(),
  rawPublicKey: z.strictObject({ publicKey: text, privateKey }).optional(),
  x509: z.strictObject({ certificate: text, privateKey }).optional(),
  generate: z.literal("psk", { error: "is psk: the one kind of key that is made" }).optional(),
});

/** A device as people write it. Keys are hex or Base64; public keys and certificates are DER in hex or Base64, or PEM. */
const deviceDocument = z.strictObject({
  kind: z.literal("device"),
  tenant: text.optional(),
  endpoint: text,
  profile: text,
  credentials: z.array(credential, { error: "is not a list of credentials, such as `- noSec: true`" }).default([]),
  allowUnauthenticatedFleet: z.boolean({ error: "is true or false" }).optional(),
  labels: z.record(z.string(), text, { error: "is not a map of texts" }).optional(),
  /** As a profile has it. */
  power: z.unknown().optional(),
  bootstrap: z.strictObject({ bootstrapServer: clientKeys.optional(), server: clientKeys.optional() }).optional(),
});

/** A secret that is `plain` or sealed. */
function secretText(plain: string) {
  return z.union([text, sealed], {
    error: ({ input }) =>
      input === undefined
        ? "is missing"
        : typeof input === "number"
          ? "is a number: put it in quotes"
          : `is neither ${plain} nor { sealed: { keyId, nonce, ciphertext } }`,
  });
}

/** Reads the document of a device. @throws {ProvisioningError} names the first member that is wrong */
export function parseDeviceDocument(document: unknown): lwm2m.v1.Device.$Properties {
  const parsed = deviceDocument.safeParse(document);
  if (!parsed.success) throw toProvisioningError(parsed.error);
  const { endpoint, profile, credentials, allowUnauthenticatedFleet, labels, power, bootstrap } = parsed.data;
  return {
    endpoint,
    profile,
    credentials: credentials.map((one, index) => toCredential(one, `credentials[${index}]`)),
    ...(allowUnauthenticatedFleet === undefined ? {} : { allowUnauthenticatedFleet }),
    ...(labels === undefined ? {} : { labels }),
    ...(power === undefined ? {} : { power: parsePower(power) }),
    ...(bootstrap === undefined ? {} : { bootstrap: toBootstrapKeys(bootstrap) }),
  };
}

function toCredential(
  { noSec, psk, rawPublicKey, x509 }: z.infer<typeof credential>,
  field: string,
): lwm2m.v1.Credential.$Properties {
  return {
    ...(noSec === undefined ? {} : { noSec: {} }),
    ...(psk === undefined ? {} : { psk: toPsk(psk, field) }),
    ...(rawPublicKey === undefined
      ? {}
      : { rawPublicKey: { publicKey: parseDerText(rawPublicKey, "publicKey", `${field}.rawPublicKey`) } }),
    ...(x509 === undefined
      ? {}
      : {
          x509: {
            ...optionalCertificate("certificate", x509.certificate, field),
            ...optionalCertificate("ca", x509.ca, field),
          },
        }),
  };
}

function optionalCertificate(
  member: "certificate" | "ca",
  text: string | undefined,
  field: string,
): lwm2m.v1.X509.$Properties {
  return text === undefined ? {} : { [member]: parseDerText(text, "certificate", `${field}.x509.${member}`) };
}

function toBootstrapKeys({
  bootstrapServer,
  server,
}: {
  bootstrapServer?: z.infer<typeof clientKeys> | undefined;
  server?: z.infer<typeof clientKeys> | undefined;
}): lwm2m.v1.BootstrapKeys.$Properties {
  return {
    ...(bootstrapServer ? { bootstrapServer: toClientKeys(bootstrapServer, "bootstrap.bootstrapServer") } : {}),
    ...(server ? { server: toClientKeys(server, "bootstrap.server") } : {}),
  };
}

function toClientKeys(
  { noSec, psk, rawPublicKey, x509, generate }: z.infer<typeof clientKeys>,
  field: string,
): lwm2m.v1.ClientKeys.$Properties {
  return {
    ...(noSec ? { noSec: {} } : {}),
    ...(psk ? { psk: toPsk(psk, field) } : {}),
    ...(rawPublicKey
      ? {
          rawPublicKey: {
            publicKey: parseDerText(rawPublicKey.publicKey, "publicKey", `${field}.rawPublicKey.publicKey`),
            privateKey: toPrivateKey(rawPublicKey.privateKey, `${field}.rawPublicKey.privateKey`),
          },
        }
      : {}),
    ...(x509
      ? {
          x509: {
            certificate: parseDerText(x509.certificate, "certificate", `${field}.x509.certificate`),
            privateKey: toPrivateKey(x509.privateKey, `${field}.x509.privateKey`),
          },
        }
      : {}),
    ...(generate ? { generatePsk: {} } : {}),
  };
}

function toPsk({ identity, key }: z.infer<typeof psk>, field: string): lwm2m.v1.Psk.$Properties {
  return { identity, key: toSecret(key, (text) => parsePskText(text, `${field}.psk.key`)) };
}

function toPrivateKey(key: z.infer<typeof privateKey>, field: string): lwm2m.v1.Secret.$Properties {
  return toSecret(key, (text) => parseDerText(text, "privateKey", field));
}

function toSecret(
  key: string | z.infer<typeof sealed>,
  parse: (text: string) => Uint8Array,
): lwm2m.v1.Secret.$Properties {
  if (typeof key === "string") return { plain: parse(key) };
  const { keyId, nonce, ciphertext } = key.sealed;
  return { sealed: { keyId, nonce: Buffer.from(nonce, "base64"), ciphertext: Buffer.from(ciphertext, "base64") } };
}

function toProvisioningError(error: z.ZodError): ProvisioningError {
  const [issue] = error.issues;
  const path = issue?.path ?? [];
  if (issue?.code === "unrecognized_keys") {
    return new ProvisioningError(formatField([...path, issue.keys[0] ?? ""]), "is not a member that is known here");
  }
  return new ProvisioningError(formatField(path), issue?.message ?? "is not valid");
}

/** `credentials[0].psk.key`. */
function formatField(path: readonly PropertyKey[]): string {
  return path
    .map((one) => (typeof one === "number" ? `[${one}]` : `.${String(one)}`))
    .join("")
    .replace(/^\./, "");
}

/** The document of a device, its secrets masked. */
export function toDeviceDocument(device: lwm2m.v1.Device.$Properties): Record<string, unknown> {
  const { endpoint, profile, credentials, allowUnauthenticatedFleet, labels, power, bootstrap } = device;
  return {
    endpoint,
    profile,
    credentials: (credentials ?? []).map(maskCredential),
    ...(allowUnauthenticatedFleet ? { allowUnauthenticatedFleet } : {}),
    ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(power ? { power: toPowerForm(power) } : {}),
    ...(bootstrap ? { bootstrap: maskBootstrapKeys(bootstrap) } : {}),
  };
}

function maskBootstrapKeys({ bootstrapServer, server }: lwm2m.v1.BootstrapKeys.$Properties): Record<string, unknown> {
  return {
    ...(bootstrapServer ? { bootstrapServer: maskClientKeys(bootstrapServer) } : {}),
    ...(server ? { server: maskClientKeys(server) } : {}),
  };
}

function maskClientKeys({
  psk,
  rawPublicKey,
  x509,
  generatePsk,
}: lwm2m.v1.ClientKeys.$Properties): Record<string, unknown> {
  if (psk) return { psk: { identity: psk.identity, key: MASK } };
  if (rawPublicKey) return { rawPublicKey: { publicKey: base64(rawPublicKey.publicKey), privateKey: MASK } };
  if (x509) return { x509: { certificate: base64(x509.certificate), privateKey: MASK } };
  return generatePsk ? { generate: "psk" } : { noSec: true };
}

/** A credential as a document has it, its secrets masked. */
export function maskCredential({
  noSec,
  psk,
  rawPublicKey,
  x509,
}: lwm2m.v1.Credential.$Properties): Record<string, unknown> {
  if (noSec) return { noSec: true };
  if (psk) return { psk: { identity: psk.identity, key: MASK } };
  if (rawPublicKey) return { rawPublicKey: base64(rawPublicKey.publicKey) };
  return {
    x509: {
      ...(x509?.certificate?.length ? { certificate: base64(x509.certificate) } : {}),
      ...(x509?.ca?.length ? { ca: base64(x509.ca) } : {}),
    },
  };
}

function base64(bytes: Uint8Array | null | undefined): string {
  return Buffer.from(bytes ?? []).toString("base64");
}
