import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, createLogger, createMetrics, type Logger } from "@ferry/runtime";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type Issued, issue, issueCa, NOW_MS } from "./certificate-fixture.ts";
import { DTLS_METRICS } from "./metrics.ts";
import { followServerKeys, NO_SERVER_KEYS, type ServerKeys } from "./server-keys.ts";

let ca: Issued;
let server: Issued;
let named: Issued;
let folder: string;
let keys: ServerKeys | undefined;
let lines: { readonly file?: string; readonly reason?: string; readonly msg: string }[];
let logger: Logger;

beforeAll(async () => {
  ca = await issueCa("Server CA");
  server = await issue("lwm2m", { by: ca, usage: "server" });
  named = await issue("plant.example.org", { by: ca, usage: "server" });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "ferry-keys-"));
  lines = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
  logger = createLogger("test", { level: "info", format: "json" }, { destination });
});

afterEach(async () => {
  keys?.stop();
  keys = undefined;
  await rm(folder, { recursive: true });
});

const follow = async (): Promise<ServerKeys> => {
  const metrics = createMetrics({ process: false }).register(DTLS_METRICS);
  keys = await followServerKeys(folder, { logger, metrics, wallMs: () => NOW_MS, lookMs: 5 });
  return keys;
};
const pem = (key: KeyObject): string => key.export({ format: "pem", type: "pkcs8" }) as string; // PEM is a text.
const certificatePem = ({ parsed }: Issued): string => parsed.x509.toString();
const write = (name: string, content: string | Uint8Array): Promise<void> => writeFile(join(folder, name), content);
const spki = ({ privateKey }: { privateKey: KeyObject }): Buffer =>
  createPublicKey(privateKey.export({ format: "pem", type: "pkcs8" })).export({ format: "der", type: "spki" });
const newKey = (): KeyObject => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;

async function problemsOf(): Promise<string> {
  try {
    await follow();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "none";
}

/** Waits for what comes by itself, bounded by the test's own time. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a folder of keys", () => {
  it("gives the raw public key, a certificate by server name, and whom to trust", async () => {
    await write("rpk.key", pem(ca.privateKey));
    await write("server.key", pem(server.privateKey));
    await write("server.crt", certificatePem(server) + certificatePem(ca));
    await write("server-plant.example.org.key", pem(named.privateKey));
    await write("server-plant.example.org.crt", certificatePem(named));
    await write("trust-fleet.crt", certificatePem(ca));
    await write("notes.txt", "not a key");
    const found = await follow();
    expect(found.rawPublicKey?.publicKey).toEqual(spki(ca));
    expect(found.certificate(undefined)?.chain).toEqual([server.parsed.x509.raw, ca.parsed.x509.raw]);
    expect(found.certificate("elsewhere.example.org")?.chain).toHaveLength(2);
    expect(found.certificate("Plant.Example.ORG.")?.chain).toEqual([named.parsed.x509.raw]);
    expect(found.trustAnchors.map(({ subject }) => subject)).toEqual(["2.5.4.3=server ca"]);
  });

  it("takes keys of OpenSSL's older form and DER", async () => {
    await write(
      "rpk.key",
      `-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n${server.privateKey.export({ format: "pem", type: "sec1" })}`,
    );
    expect((await follow()).rawPublicKey?.publicKey).toEqual(spki(server));
    keys?.stop();
    await write("rpk.key", server.privateKey.export({ format: "der", type: "sec1" }));
    expect((await follow()).rawPublicKey?.publicKey).toEqual(spki(server));
  });

  it("that is not there gives none, and a listener without one has only pre-shared keys", async () => {
    expect(NO_SERVER_KEYS.rawPublicKey).toBeUndefined();
    expect(NO_SERVER_KEYS.certificate("a")).toBeUndefined();
    await rm(folder, { recursive: true });
    expect(await problemsOf()).toMatch(/^LWM2M_DTLS_KEYS: .*: cannot be read \(ENOENT\): name a folder of keys$/);
    await mkdir(folder);
  });

  it.each<[string, () => Promise<unknown>, RegExp]>([
    ["a key that is none", () => write("rpk.key", "secret-text"), /rpk\.key: is not a private key/],
    [
      "a key of another curve",
      () => write("rpk.key", pem(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey)),
      /rpk\.key: is a key of secp384r1: DTLS here takes P-256/,
    ],
    [
      "a key with a password",
      () =>
        write(
          "rpk.key",
          server.privateKey.export({ format: "pem", type: "pkcs8", cipher: "aes-256-cbc", passphrase: "x" }),
        ),
      /rpk\.key: is encrypted with a password/,
    ],
    [
      "a certificate without key",
      () => write("server.crt", certificatePem(server)),
      /server\.crt: .*server\.key cannot be read \(ENOENT\)/,
    ],
    [
      "a certificate of another key",
      () => Promise.all([write("server.key", pem(newKey())), write("server.crt", certificatePem(server))]),
      /server\.crt: does not begin with the certificate of the \.key beside it/,
    ],
    [
      "a certificate to trust that is no CA's",
      () => write("trust.crt", certificatePem(server)),
      /trust\.crt: holds a certificate that may not sign others \(CN=lwm2m\)/,
    ],
    ["PEM of something else", () => write("trust.crt", pem(newKey())), /trust\.crt: holds no PEM block "CERTIFICATE"/],
    [
      "a list that is none",
      () => write("fleet.crl", Buffer.alloc(20)),
      /fleet\.crl: is not a certificate revocation list/,
    ],
  ])("with %s is told of at the start, and nothing of it is quoted", async (_, prepare, expected) => {
    await prepare();
    const problems = await problemsOf();
    expect(problems).toMatch(expected);
    expect(problems).not.toContain("secret-text");
  });
});

describe("a folder that changes", () => {
  it("is read anew without a restart", async () => {
    await write("rpk.key", pem(server.privateKey));
    const found = await follow();
    await write("rpk.key", pem(named.privateKey));
    await until(() => found.rawPublicKey?.publicKey.toString() === spki(named).toString());
  });

  it("as a mounted Secret does, by its links, is read anew", async () => {
    for (const [version, key] of [
      ["..1", server],
      ["..2", named],
    ] as const) {
      await mkdir(join(folder, version));
      await writeFile(join(folder, version, "rpk.key"), pem(key.privateKey));
    }
    await symlink("..1", join(folder, "..data"));
    await symlink(join("..data", "rpk.key"), join(folder, "rpk.key"));
    const found = await follow();
    await symlink("..2", join(folder, "..new"));
    await rename(join(folder, "..new"), join(folder, "..data"));
    await until(() => found.rawPublicKey?.publicKey.toString() === spki(named).toString());
  });

  it("keeps what a broken file held before, names the file, and takes it when it is whole", async () => {
    await write("server.key", pem(server.privateKey));
    await write("server.crt", certificatePem(server));
    const found = await follow();
    await write("server.key", pem(named.privateKey));
    await until(() => lines.some(({ msg }) => msg.startsWith("A file of keys cannot be used")));
    expect(lines.find(({ file }) => file)).toMatchObject({
      file: join(folder, "server.crt"),
      reason: expect.stringMatching(/^does not begin with the certificate of the \.key/),
    });
    expect(found.certificate(undefined)?.chain).toEqual([server.parsed.x509.raw]);
    await write("server.crt", certificatePem(named));
    await until(() => found.certificate(undefined)?.chain[0]?.toString() === named.parsed.x509.raw.toString());
  });

  it("lets go of what is not there any more, and tells who asked", async () => {
    await write("rpk.key", pem(server.privateKey));
    const found = await follow();
    let told = 0;
    found.onChange(() => told++);
    await rm(join(folder, "rpk.key"));
    await until(() => found.rawPublicKey === undefined && told === 1);
  });
});
