import { createPublicKey, createSecretKey, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ClientCredential, ServerTrust } from "@ferry/dtls";
import { makeCertificate } from "@ferry/dtls-endpoint";
import { UsageError, wallMs } from "@ferry/runtime";
import { type DeviceSecurity, deviceKey } from "@ferry/simulator";
import { type Command, Option } from "commander";

/** How the devices of `ferry simulate` secure what they send. */
export interface SecurityOptions {
  readonly security: (typeof MODES)[number];
  /** Hex. */
  readonly pskKey?: string;
  /** A file of hex: what is on a command line, other users of the machine may read. */
  readonly pskKeyFile?: string;
  readonly keySeed: string;
  /** A file. */
  readonly trust?: string;
  readonly cid: boolean;
  readonly resume: boolean;
}

type Credential = (endpoint: string) => ClientCredential | Promise<ClientCredential>;

const MODES = ["nosec", "psk", "rpk", "x509"] as const;
const PSK_KEY_BYTES: readonly number[] = [16, 32, 64];

/** Adds the options that are about security. */
export function securityOptions(command: Command): Command {
  return command
    .addOption(new Option("--security <mode>", "how devices prove who they are").choices(MODES).default("nosec"))
    .option("--psk-key <hex>", "psk: the key of every device; the identity is the endpoint name")
    .option("--psk-key-file <file>", "psk: a file with that key, which others of this machine then cannot read")
    .option(
      "--key-seed <text>",
      "rpk, x509: what the key of each device is made from, with its endpoint name",
      "ferry simulate",
    )
    .option("--trust <file>", "rpk, x509: PEM of the server's public key, of its certificate, or of the CA's")
    .option("--no-cid", "without Connection ID: a device that moves needs a new handshake")
    .option("--no-resume", "with a full handshake each time, without resuming a session");
}

/** How a device of this name secures what it sends; undefined: in the clear. @throws {UsageError} an option is missing or wrong */
export async function securityOf(
  options: SecurityOptions,
): Promise<((endpoint: string) => Promise<DeviceSecurity>) | undefined> {
  const { security, cid, resume } = options;
  if (security === "nosec") return undefined;
  const credential = await CREDENTIALS[security](options);
  return async (endpoint) => ({
    credential: await credential(endpoint),
    resume,
    ...(cid ? { ownCidLengthBytes: 0 } : {}),
  });
}

/** What `ferry apply` is to be given, so that the devices of these names are served: YAML. @throws {UsageError} an option is missing or wrong */
export async function documentsOf(
  options: SecurityOptions,
  endpoints: readonly string[],
  profile: string,
): Promise<string> {
  const declared = await DECLARATIONS[options.security](options);
  return endpoints
    .map((endpoint) => {
      const device = { kind: "device", endpoint, profile, credentials: [declared(endpoint)] };
      return Object.entries(device)
        .map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`)
        .join("");
    })
    .join("---\n");
}

/** What a device shows of each mode. */
const CREDENTIALS: Readonly<
  Record<Exclude<SecurityOptions["security"], "nosec">, (options: SecurityOptions) => Credential | Promise<Credential>>
> = {
  psk: (options) => {
    const key = createSecretKey(pskKeyOf(options));
    return (endpoint) => ({ type: "psk", identity: Buffer.from(endpoint), key });
  },
  rpk: (options) => {
    const server = readTrust(options);
    return (endpoint) => ({ type: "rawPublicKey", privateKey: deviceKey(options.keySeed, endpoint), server });
  },
  x509: async (options) => {
    const server = readTrust(options);
    const authority = await makeAuthority(options);
    return async (endpoint) => {
      const privateKey = deviceKey(options.keySeed, endpoint);
      return {
        type: "certificate",
        privateKey,
        chain: [await makeDeviceCertificate(endpoint, privateKey, authority)],
        server,
      };
    };
  },
};

/** What a device declares of each mode, as `ferry apply` reads it. */
const DECLARATIONS: Readonly<
  Record<
    SecurityOptions["security"],
    (options: SecurityOptions) => ((endpoint: string) => unknown) | Promise<(endpoint: string) => unknown>
  >
> = {
  nosec: () => () => ({ noSec: true }),
  psk: (options) => {
    const key = pskKeyOf(options).toString("hex");
    return (endpoint) => ({ psk: { identity: endpoint, key } });
  },
  rpk: (options) => (endpoint) => {
    const publicKey = createPublicKey(deviceKey(options.keySeed, endpoint));
    return { rawPublicKey: publicKey.export({ type: "spki", format: "der" }).toString("base64") };
  },
  x509: async (options) => {
    const ca = Buffer.from((await makeAuthority(options)).certificate).toString("base64");
    return () => ({ x509: { ca } });
  },
};

/** Who issues the certificates of the devices: its key is the same in every run, and that is what a server knows it by. */
interface Authority {
  readonly privateKey: KeyObject;
  readonly certificate: Uint8Array;
}

const DAY_MS = 86_400_000;
/** Of the authority and of the certificates: made anew in each run, but what was declared once is to hold. */
const AUTHORITY_DAYS = 3_650;
const CERTIFICATE_DAYS = 365;

async function makeAuthority({ keySeed }: SecurityOptions): Promise<Authority> {
  // No device has the name of the empty text.
  const privateKey = deviceKey(keySeed, "");
  const certificate = await makeCertificate(
    {
      commonName: "ferry simulate",
      publicKey: createPublicKey(privateKey),
      usage: "ca",
      notBeforeMs: wallMs() - DAY_MS,
      notAfterMs: wallMs() + AUTHORITY_DAYS * DAY_MS,
      signer: { privateKey },
    },
    randomBytes,
  );
  return { privateKey, certificate };
}

async function makeDeviceCertificate(endpoint: string, privateKey: KeyObject, signer: Authority): Promise<Uint8Array> {
  return makeCertificate(
    {
      commonName: endpoint,
      publicKey: createPublicKey(privateKey),
      usage: "client",
      notBeforeMs: wallMs() - DAY_MS,
      notAfterMs: wallMs() + CERTIFICATE_DAYS * DAY_MS,
      signer,
    },
    randomBytes,
  );
}

/** A key that is wrong is not repeated: it is a secret all the same. */
function pskKeyOf({ pskKey, pskKeyFile }: SecurityOptions): Buffer {
  if (pskKey !== undefined && pskKeyFile !== undefined)
    throw new UsageError("give one of --psk-key and --psk-key-file");
  const hex = pskKeyFile === undefined ? pskKey : readText(pskKeyFile, "--psk-key-file").trim();
  if (hex === undefined)
    throw new UsageError("--security psk needs --psk-key-file or --psk-key, the key of the devices in hex");
  const key = Buffer.from(hex, "hex");
  if (key.length * 2 !== hex.length || !PSK_KEY_BYTES.includes(key.length)) {
    const option = pskKeyFile === undefined ? "--psk-key" : "--psk-key-file";
    throw new UsageError(`${option} is not a key: give 32, 64 or 128 characters of hex, 0-9 and a-f`);
  }
  return key;
}

function readTrust({ security, trust: file }: SecurityOptions): ServerTrust {
  if (file === undefined) {
    throw new UsageError(`--security ${security} needs --trust, a PEM file of the server's public key or certificate`);
  }
  const pem = readText(file, "--trust");
  try {
    if (pem.includes("BEGIN CERTIFICATE")) return { type: "trustAnchor", certificate: new X509Certificate(pem).raw };
    return { type: "publicKey", publicKey: createPublicKey(pem).export({ type: "spki", format: "der" }) };
  } catch (error) {
    throw new UsageError(`--trust ${file} is neither a public key nor a certificate in PEM`, { cause: error });
  }
}

function readText(file: string, option: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`${option} ${file} cannot be read: ${Error.isError(error) ? error.message : error}`, {
      cause: error,
    });
  }
}
