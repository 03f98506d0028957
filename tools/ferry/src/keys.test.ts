import { createPrivateKey, generateKeyPairSync, type KeyObject, X509Certificate } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DTLS_METRICS, followServerKeys, type ServerKeys } from "@ferry/dtls-endpoint";
import { parseSealingKeys, readDocuments } from "@ferry/provisioning";
import { createLogger, createMetrics } from "@ferry/runtime";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { runCli } from "./cli.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ferry-keys-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function keys(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  const code = await runCli(["keys", ...args], {
    env: {},
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr };
}

const at = (name: string): string => join(folder, name);
const read = (name: string): string => readFileSync(at(name), "utf8");

/** As the listener reads them. */
async function follow(): Promise<ServerKeys> {
  const metrics = createMetrics({ process: false }).register(DTLS_METRICS);
  const logger = createLogger("test", { level: "silent", format: "json" });
  const found = await followServerKeys(folder, { logger, metrics, wallMs: Date.now });
  found.stop();
  return found;
}

describe("keys generate server", () => {
  it("makes what the listener reads, for nobody else to read, and says what to do with it", async () => {
    const { code, stdout, stderr } = await keys(
      "generate",
      "server",
      "--out",
      folder,
      "--name",
      "a.example.org",
      "--name",
      "b",
    );
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: ["rpk.key", "server.key", "server.crt", ""].map((name) => name && at(name)).join("\n"),
    });
    expect(stderr).toContain(`LWM2M_DTLS_KEYS=${folder}`);
    expect(stderr).toContain("kubectl create secret generic");
    for (const name of readdirSync(folder)) expect(statSync(at(name)).mode & 0o777).toBe(0o600);
    const found = await follow();
    const certificate = new X509Certificate(found.certificate(undefined)?.chain[0] ?? "");
    expect(found.rawPublicKey).toBeDefined();
    expect(certificate.subject).toBe("CN=a.example.org");
    expect(certificate.checkHost("b")).toBe("b");
  });

  it("leaves nothing behind when a file of several cannot be written", async () => {
    symlinkSync(at("nowhere/server.crt"), at("server.crt"));
    expect(await keys("generate", "server", "--x509", "--out", folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`cannot write to ${folder}`),
    });
    expect(readdirSync(folder)).toEqual(["server.crt"]);
  });

  it.each(["Dtls", "dtls_keys", "a\nkind: Pod", "-a", "a..b", "a".repeat(254), ""])(
    "makes no Secret of a name that Kubernetes does not take: %j",
    async (name) => {
      const { code, stdout, stderr } = await keys("generate", "server", "--rpk", "--kubernetes-secret", name);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain("is not the name of a Secret: lower-case letters, digits");
    },
  );

  it("never overwrites: it writes all or nothing", async () => {
    await keys("generate", "server", "--rpk", "--out", folder);
    const before = read("rpk.key");
    expect(await keys("generate", "server", "--out", folder)).toMatchObject({
      code: 2,
      stderr: `ferry: ${at("rpk.key")} is there already and is not overwritten: move it away, or choose another --out\n`,
    });
    expect(readdirSync(folder)).toEqual(["rpk.key"]);
    expect(read("rpk.key")).toBe(before);
  });

  it("makes a further certificate by name, signed by a CA", async () => {
    await keys("generate", "ca", "--out", folder);
    await keys("generate", "server", "--x509", "--out", folder);
    const ca = at("ca");
    await keys("generate", "server", "--x509", "--by-name", "--name", "plant.example.org", "--ca", ca, "--out", folder);
    const found = await follow();
    const [own] = found.certificate("plant.example.org")?.chain ?? [];
    expect(new X509Certificate(own ?? "").checkIssued(new X509Certificate(read("ca.crt")))).toBe(true);
    expect(found.certificate("other")?.chain[0]).not.toEqual(own);
  });

  it("prints a Secret of Kubernetes and writes nothing", async () => {
    const { stdout } = await keys("generate", "server", "--rpk", "--out", folder, "--kubernetes-secret", "dtls");
    const secret = parse(stdout);
    expect(secret).toMatchObject({ apiVersion: "v1", kind: "Secret", metadata: { name: "dtls" } });
    expect(createPrivateKey(Buffer.from(secret.data["rpk.key"], "base64")).asymmetricKeyType).toBe("ec");
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [["--days", "0"], "--days 0 is not a number of days"],
    [["--name", "a b"], "--name a b is not a host name"],
    [["--by-name"], "--by-name is for a certificate"],
    [["--ca", "nowhere"], "--ca: nowhere.key cannot be read"],
  ])("refuses %s", async (args, expected) => {
    expect(await keys("generate", "server", "--x509", "--out", folder, ...args)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(expected),
    });
    expect(readdirSync(folder)).toEqual([]);
  });

  it("refuses a CA whose key is another one's", async () => {
    await keys("generate", "ca", "--out", folder);
    const other: KeyObject = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
    writeFileSync(at("ca.key"), other.export({ format: "pem", type: "pkcs8" }));
    expect(await keys("generate", "server", "--ca", at("ca"), "--out", folder)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is not the certificate of a CA with the key"),
    });
  });
});

describe("keys generate sealing", () => {
  it("makes a key that both services read", async () => {
    const { stderr } = await keys("generate", "sealing", "--out", folder);
    expect(parseSealingKeys(read("sealing.key")).byId.size).toBe(1);
    expect(stderr).toMatch(/LWM2M_DTLS_SEALING_KEY_FILE=.*PROVISIONING_SEALING_KEY_FILE=/);
  });
});

describe("keys generate device", () => {
  it.each([
    ["--psk", { psk: { identity: "urn:imei:1", key: { plain: expect.anything() } } }],
    ["--rpk", { rawPublicKey: { publicKey: expect.anything() } }],
    ["--x509", { x509: { certificate: expect.anything() } }],
  ])("%s makes a document that declares it", async (kind, credential) => {
    await keys("generate", "device", "urn:imei:1", kind, "--out", folder);
    const [document] = await readDocuments([at("urn_imei_1.yaml")]);
    expect(document).toMatchObject({ id: "urn:imei:1", body: { device: { credentials: [credential] } } });
  });

  it("--x509 --ca declares the CA, and its certificate names the endpoint", async () => {
    await keys("generate", "ca", "--out", folder);
    await keys("generate", "device", "meter-1", "--x509", "--ca", at("ca"), "--out", folder);
    const [document] = await readDocuments([at("meter-1.yaml")]);
    const ca = new X509Certificate(read("ca.crt"));
    expect(document?.body.device?.credentials).toMatchObject([{ x509: { ca: ca.raw } }]);
    const device = new X509Certificate(read("meter-1.crt"));
    expect(device.subject).toBe("CN=meter-1");
    expect(device.verify(ca.publicKey)).toBe(true);
  });
});

describe("keys show", () => {
  it("shows what devices and documents want, and nothing private", async () => {
    await keys("generate", "server", "--out", folder);
    for (const file of ["rpk.key", "server.key", "server.crt"]) {
      const { code, stdout } = await keys("show", at(file));
      expect(code).toBe(0);
      const [, base64 = ""] = /raw public key .*\n.*\n {2}Base64 {3}(.*)/.exec(stdout) ?? [];
      const [, hex = ""] = / {2}hex {6}(.*)/.exec(stdout) ?? [];
      writeFileSync(
        at("d.yaml"),
        `kind: device\nendpoint: a\nprofile: p\ncredentials:\n  - rawPublicKey: ${base64}\n  - rawPublicKey: "${hex}"\n`,
      );
      const [document] = await readDocuments([at("d.yaml")]);
      const [one, two] = document?.body.device?.credentials ?? [];
      expect(one).toEqual(two);
      if (file.endsWith(".crt")) continue;
      const { d = "" } = createPrivateKey(read(file)).export({ format: "jwk" });
      expect(stdout).not.toContain(Buffer.from(d, "base64url").toString("hex"));
    }
    await keys("generate", "sealing", "--out", folder);
    const { stdout } = await keys("show", at("sealing.key"));
    expect(stdout).toMatch(/^sealing key [0-9a-f]{8}, which seals\n$/);
    expect(read("sealing.key")).not.toContain(stdout.slice(12, 20));
  });

  it("refuses what is none of that", async () => {
    writeFileSync(at("a.txt"), "hello");
    expect(await keys("show", at("a.txt"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is neither a key nor"),
    });
    expect(await keys("show", at("b.txt"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("cannot be read"),
    });
  });
});
