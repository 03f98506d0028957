import { createPublicKey, randomBytes, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { lwm2m } from "@ferry/proto";
import { readDocuments } from "@ferry/provisioning";
import { type DeviceSecurity, deviceKey } from "@ferry/simulator";
import {
  DTLS_KEYS,
  DtlsAnswers,
  endPrograms,
  type MinimalServer,
  makeDtlsServer,
  Program,
  startMinimalServer,
} from "@ferry/testing";
import { afterAll, afterEach, describe, expect, it } from "@jest/globals";
import { Command } from "commander";
import { documentsOf, type SecurityOptions, securityOf, securityOptions } from "./simulate-security.ts";

const KEY = "00112233445566778899aabbccddeeff";
const folder = mkdtempSync(join(tmpdir(), "ferry-simulate-"));
afterAll(() => rmSync(folder, { recursive: true }));

function pem(name: string, label: string, der: Uint8Array): string {
  const file = join(folder, name);
  writeFileSync(file, `-----BEGIN ${label}-----\n${Buffer.from(der).toString("base64")}\n-----END ${label}-----\n`);
  return file;
}
const serverKey = pem("server.pem", "PUBLIC KEY", DTLS_KEYS.serverPublicKey);
const root = pem("root.pem", "CERTIFICATE", DTLS_KEYS.root);
const nonsense = pem("nonsense.pem", "NONSENSE", Buffer.from("nonsense"));

function options(...args: string[]): SecurityOptions {
  return securityOptions(new Command()).exitOverride().parse(args, { from: "user" }).opts<SecurityOptions>();
}

/** How sim-1 is secured. */
async function secured(...args: string[]): Promise<DeviceSecurity | undefined> {
  return (await securityOf(options(...args)))?.("sim-1");
}

/** The credential of sim-1 as `ferry apply` reads it. */
async function declared(given: SecurityOptions): Promise<lwm2m.v1.Credential.$Properties | undefined> {
  const file = join(folder, "devices.yaml");
  writeFileSync(file, await documentsOf(given, ["sim-0", "sim-1"], "quickstart"));
  const devices = (await readDocuments([file])).map(({ body }) => body.device);
  expect(devices.map((device) => device?.endpoint)).toEqual(["sim-0", "sim-1"]);
  return devices[1]?.credentials?.[0];
}

describe("ferry simulate secures its devices", () => {
  it("not at all, when nothing is said", async () => {
    expect(await secured()).toBeUndefined();
    expect(await declared(options())).toMatchObject({ noSec: {} });
  });

  it("by a shared key, the endpoint name being the identity, as its documents declare", async () => {
    const given = ["--security", "psk", "--psk-key", KEY];
    const credential = (await secured(...given))?.credential;
    if (credential?.type !== "psk") throw new TypeError("a shared key was asked for");
    expect(Buffer.from(credential.identity).toString()).toBe("sim-1");
    expect(credential.key.export().toString("hex")).toBe(KEY);
    expect(await declared(options(...given))).toMatchObject({
      psk: { identity: "sim-1", key: { plain: Buffer.from(KEY, "hex") } },
    });
  });

  it("by a shared key that lies in a file, so that it is on no command line", async () => {
    const file = join(folder, "psk-key");
    writeFileSync(file, `${KEY}\n`);
    const credential = (await secured("--security", "psk", "--psk-key-file", file))?.credential;
    expect(credential?.type === "psk" && credential.key.export().toString("hex")).toBe(KEY);
  });

  it("by raw public keys, each device having its own, the same in every run, as its documents declare", async () => {
    const given = ["--security", "rpk", "--trust", serverKey];
    const credential = (await secured(...given))?.credential;
    if (credential?.type !== "rawPublicKey") throw new TypeError("a raw public key was asked for");
    const publicKey = createPublicKey(credential.privateKey).export({ type: "spki", format: "der" });
    expect(await declared(options(...given))).toMatchObject({ rawPublicKey: { publicKey } });
    expect(await declared(options("--security", "rpk", "--key-seed", "another"))).not.toMatchObject({
      rawPublicKey: { publicKey },
    });
  });

  it("by certificates in its name, of an authority whose key is the same in every run, as its documents declare", async () => {
    const given = ["--security", "x509", "--trust", root];
    const credential = (await secured(...given))?.credential;
    if (credential?.type !== "certificate") throw new TypeError("a certificate was asked for");
    const certificate = new X509Certificate(credential.chain[0] ?? new Uint8Array(0));
    const declaration = await declared(options(...given));
    const ca = new X509Certificate(declaration?.x509?.ca ?? new Uint8Array(0));
    expect(certificate.subject).toBe("CN=sim-1");
    expect(certificate.checkPrivateKey(credential.privateKey)).toBe(true);
    expect([certificate.checkIssued(ca), certificate.verify(ca.publicKey), ca.ca]).toEqual([true, true, true]);
  });

  it.each([
    ["its public key", serverKey, { type: "publicKey", publicKey: DTLS_KEYS.serverPublicKey }],
    ["a certificate", root, { type: "trustAnchor", certificate: DTLS_KEYS.root }],
  ])("and believes the server by %s", async (_, file, server) => {
    expect(await secured("--security", "rpk", "--trust", file)).toMatchObject({ credential: { server } });
  });

  it("with the server's Connection ID and resumption, unless told otherwise", async () => {
    const psk = ["--security", "psk", "--psk-key", KEY];
    expect(await secured(...psk)).toMatchObject({ ownCidLengthBytes: 0, resume: true });
    const without = await secured(...psk, "--no-cid", "--no-resume");
    expect(without).toMatchObject({ resume: false });
    expect(without).not.toHaveProperty("ownCidLengthBytes");
  });

  it.each([
    [["psk"], "--security psk needs --psk-key-file or --psk-key, the key of the devices in hex"],
    [["psk", "--psk-key", KEY, "--psk-key-file", nonsense], "give one of --psk-key and --psk-key-file"],
    [["psk", "--psk-key-file", nonsense], "--psk-key-file is not a key: give 32, 64 or 128 characters of hex"],
    [["psk", "--psk-key-file", "/nowhere"], "--psk-key-file /nowhere cannot be read"],
    [["psk", "--psk-key", "0011"], "--psk-key is not a key: give 32, 64 or 128 characters of hex, 0-9 and a-f"],
    [
      ["psk", "--psk-key", `x${KEY.slice(1)}`],
      "--psk-key is not a key: give 32, 64 or 128 characters of hex, 0-9 and a-f",
    ],
    [["rpk"], "--security rpk needs --trust, a PEM file of the server's public key or certificate"],
    [["x509"], "--security x509 needs --trust, a PEM file of the server's public key or certificate"],
    [["rpk", "--trust", nonsense], `--trust ${nonsense} is neither a public key nor a certificate in PEM`],
  ])("and says what is missing or wrong, without the key: %j", async (args, message) => {
    await expect(secured("--security", ...args)).rejects.toThrow(message);
  });
});

describe("ferry simulate against a server with DTLS", () => {
  afterEach(endPrograms);

  /** A server that knows sim-0 and sim-1 by the shared key and by the keys of the default seed. */
  async function server(): Promise<MinimalServer> {
    const answers = new DtlsAnswers();
    for (const endpoint of ["sim-0", "sim-1"]) {
      answers.addPsk(endpoint, Buffer.from(KEY, "hex"));
      const publicKey = createPublicKey(deviceKey("ferry simulate", endpoint));
      answers.addPublicKey(publicKey.export({ type: "spki", format: "der" }), endpoint);
    }
    return startMinimalServer({ answers, server: makeDtlsServer({ random: randomBytes, wallMs: () => Date.now() }) });
  }

  it.each([
    ["a shared key", ["psk", "--psk-key", KEY]],
    ["raw public keys", ["rpk", "--trust", serverKey]],
    ["certificates", ["x509", "--trust", root]],
  ])("registers its devices by %s, one handshake each", async (_, security) => {
    const lwm2m = await server();
    const at = ["--server", `127.0.0.1:${lwm2m.port}`];
    const program = new Program("tools/ferry/src/main.ts", ["simulate", "-n", "2", ...at, "--security", ...security]);
    await program.prints(/2 of 2 registered.*, 2 handshakes \(0 more resumed, 0 failed\)/);
    expect([...lwm2m.registrations.keys()]).toEqual(["sim-0", "sim-1"]);
    expect(await program.end("SIGINT")).toMatchObject({ code: 0, stderr: "" });
    expect(lwm2m.registrations.size).toBe(0);
    await lwm2m.close();
  });

  it("says once why handshakes fail", async () => {
    const lwm2m = await server();
    const stranger = pem("stranger.pem", "PUBLIC KEY", DTLS_KEYS.devicePublicKey);
    const args = ["-n", "2", "--server", `127.0.0.1:${lwm2m.port}`, "--security", "rpk", "--trust", stranger];
    const program = new Program("tools/ferry/src/main.ts", ["simulate", ...args]);
    await program.prints(/, 0 handshakes \(0 more resumed, [2-9] failed\)/);
    expect((await program.end("SIGINT")).stderr).toBe(
      "ferry: handshake of sim-0 failed: the server's public key is not the pinned one\n",
    );
    await lwm2m.close();
  });
});
