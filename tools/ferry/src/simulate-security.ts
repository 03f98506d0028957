import { createPublicKey, createSecretKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ClientCredential, ServerTrust } from "@ferry/dtls";
import { UsageError } from "@ferry/runtime";
import { type DeviceSecurity, deviceKey } from "@ferry/simulator";
import { type Command, Option } from "commander";

/** How the devices of `ferry simulate` secure what they send. */
export interface SecurityOptions {
  readonly security: (typeof MODES)[number];
  /** Hex. */
  readonly pskKey?: string;
  readonly keySeed: string;
  /** A file. */
  readonly trust?: string;
  readonly cid: boolean;
  readonly resume: boolean;
}

const MODES = ["nosec", "psk", "rpk"] as const;
const PSK_KEY_BYTES: readonly number[] = [16, 32, 64];

/** Adds the options that are about security. */
export function securityOptions(command: Command): Command {
  return command
    .addOption(new Option("--security <mode>", "how devices prove who they are").choices(MODES).default("nosec"))
    .option("--psk-key <hex>", "psk: the key of every device; the identity is the endpoint name")
    .option(
      "--key-seed <text>",
      "rpk: what the key of each device is made from, with its endpoint name",
      "ferry simulate",
    )
    .option("--trust <file>", "rpk: PEM of the server's public key, of its certificate, or of the CA's")
    .option("--no-cid", "without Connection ID: a device that moves needs a new handshake")
    .option("--no-resume", "with a full handshake each time, without resuming a session");
}

/** How a device of this name secures what it sends; undefined: in the clear. @throws {UsageError} an option is missing or wrong */
export function securityOf(options: SecurityOptions): ((endpoint: string) => DeviceSecurity) | undefined {
  const { security, cid, resume } = options;
  if (security === "nosec") return undefined;
  const credential = security === "psk" ? pskOf(options) : rawPublicKeyOf(options);
  return (endpoint) => ({ credential: credential(endpoint), resume, ...(cid ? { ownCidLengthBytes: 0 } : {}) });
}

/** What `ferry apply` is to be given, so that the devices of these names are served: YAML. @throws {UsageError} an option is missing or wrong */
export function documentsOf(options: SecurityOptions, endpoints: readonly string[], profile: string): string {
  return endpoints
    .map((endpoint) => {
      const device = { kind: "device", endpoint, profile, credentials: [declaredCredential(options, endpoint)] };
      return Object.entries(device)
        .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
        .join("");
    })
    .join("---\n");
}

function declaredCredential(options: SecurityOptions, endpoint: string): unknown {
  switch (options.security) {
    case "nosec":
      return { noSec: true };
    case "psk":
      return { psk: { identity: endpoint, key: pskKeyOf(options).toString("hex") } };
    case "rpk": {
      const publicKey = createPublicKey(deviceKey(options.keySeed, endpoint));
      return { rawPublicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64") };
    }
  }
}

function pskOf(options: SecurityOptions): (endpoint: string) => ClientCredential {
  const key = createSecretKey(pskKeyOf(options));
  return (endpoint) => ({ type: "psk", identity: Buffer.from(endpoint), key });
}

function rawPublicKeyOf(options: SecurityOptions): (endpoint: string) => ClientCredential {
  const server = readTrust(options.trust);
  return (endpoint) => ({ type: "rawPublicKey", privateKey: deviceKey(options.keySeed, endpoint), server });
}

/** A key that is wrong is not repeated: it is a secret all the same. */
function pskKeyOf({ pskKey }: SecurityOptions): Buffer {
  if (pskKey === undefined) throw new UsageError("--security psk needs --psk-key, the key of the devices in hex");
  const key = Buffer.from(pskKey, "hex");
  if (key.length * 2 !== pskKey.length || !PSK_KEY_BYTES.includes(key.length)) {
    throw new UsageError("--psk-key is not a key: give 32, 64 or 128 characters of hex, 0-9 and a-f");
  }
  return key;
}

function readTrust(file: string | undefined): ServerTrust {
  if (file === undefined) {
    throw new UsageError("--security rpk needs --trust, a PEM file of the server's public key or certificate");
  }
  const pem = readPem(file);
  try {
    if (pem.includes("BEGIN CERTIFICATE")) return { type: "trustAnchor", certificate: new X509Certificate(pem).raw };
    return { type: "publicKey", publicKey: createPublicKey(pem).export({ type: "spki", format: "der" }) };
  } catch (error) {
    throw new UsageError(`--trust ${file} is neither a public key nor a certificate in PEM`, { cause: error });
  }
}

function readPem(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`--trust ${file} cannot be read: ${Error.isError(error) ? error.message : error}`, {
      cause: error,
    });
  }
}
