import { execFile } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const P256 = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-sha256"];
/** Names that make the server's certificate longer than a datagram. */
const NAMES = Array.from({ length: 50 }, (_, index) => `DNS:server-${index}.ferry.example`);

/** PEM files of one who has a key on P-256. */
export interface KeyFiles {
  readonly certificate: string;
  /** PKCS #8. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** The same in DER. */
  readonly publicKeyDer: string;
  /** The private key as of RFC 5915 and the public key, in one file. */
  readonly keyPair: string;
}

/** Keys and certificates of one test run. */
export interface Pki {
  readonly ca: KeyFiles;
  /** Nobody trusts it. */
  readonly otherCa: KeyFiles;
  /** For 127.0.0.1 and many names: about 1800 bytes. */
  readonly server: KeyFiles;
  /** Its common name is {@link DEVICE_NAME}. */
  readonly device: KeyFiles;
  /** Calls itself the same, by the other CA. */
  readonly stranger: KeyFiles;
}

export const DEVICE_NAME = "interop-device";

/** Makes keys and certificates in a folder. */
export async function makePki(directory: string): Promise<Pki> {
  const ca = await make(directory, "ca", ["-subj", "/CN=Interop CA"]);
  const otherCa = await make(directory, "other-ca", ["-subj", "/CN=Another CA"]);
  const signedBy = (issuer: KeyFiles): string[] => [
    ...["-CA", issuer.certificate, "-CAkey", issuer.privateKey, "-addext", "basicConstraints=critical,CA:FALSE"],
  ];
  const names = ["IP:127.0.0.1", "DNS:localhost", ...NAMES].join(",");
  const server = [
    "-subj",
    "/CN=localhost",
    "-addext",
    `subjectAltName=${names}`,
    "-addext",
    "extendedKeyUsage=serverAuth",
  ];
  const device = ["-subj", `/CN=${DEVICE_NAME}`, "-addext", "extendedKeyUsage=clientAuth"];
  return {
    ca,
    otherCa,
    server: await make(directory, "server", [...signedBy(ca), ...server]),
    device: await make(directory, "device", [...signedBy(ca), ...device]),
    stranger: await make(directory, "stranger", [...signedBy(otherCa), ...device]),
  };
}

async function make(directory: string, name: string, options: readonly string[]): Promise<KeyFiles> {
  const path = (ending: string): string => join(directory, `${name}.${ending}`);
  const files = {
    certificate: path("crt"),
    privateKey: path("key"),
    publicKey: path("pub"),
    publicKeyDer: path("pub.der"),
    keyPair: path("pair"),
  };
  await run("openssl", ["req", "-x509", ...P256, "-keyout", files.privateKey, "-out", files.certificate, ...options]);
  const privateKey = createPrivateKey(await readFile(files.privateKey));
  const key = createPublicKey(privateKey);
  const publicKey = key.export({ format: "pem", type: "spki" });
  await writeFile(files.publicKey, publicKey);
  await writeFile(files.publicKeyDer, key.export({ format: "der", type: "spki" }));
  await writeFile(files.keyPair, `${privateKey.export({ format: "pem", type: "sec1" })}${publicKey}`);
  return files;
}
