import { createPublicKey } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ClientCredential } from "@ferry/dtls";
import type { lwm2m } from "@ferry/proto";
import { readDocuments } from "@ferry/provisioning";
import { DTLS_KEYS } from "@ferry/testing";
import { afterAll, describe, expect, it } from "@jest/globals";
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

function credentialOf(given: SecurityOptions): ClientCredential | undefined {
  return securityOf(given)?.("sim-1").credential;
}

/** The credential of sim-1 as `ferry apply` reads it. */
async function declared(given: SecurityOptions): Promise<lwm2m.v1.Credential.$Properties | undefined> {
  const file = join(folder, "devices.yaml");
  writeFileSync(file, documentsOf(given, ["sim-0", "sim-1"], "quickstart"));
  const devices = (await readDocuments([file])).map(({ body }) => body.device);
  expect(devices.map((device) => device?.endpoint)).toEqual(["sim-0", "sim-1"]);
  return devices[1]?.credentials?.[0];
}

describe("ferry simulate secures its devices", () => {
  it("not at all, when nothing is said", async () => {
    expect(securityOf(options())).toBeUndefined();
    expect(await declared(options())).toMatchObject({ noSec: {} });
  });

  it("by a shared key, the endpoint name being the identity, as its documents declare", async () => {
    const given = options("--security", "psk", "--psk-key", KEY);
    const credential = credentialOf(given);
    if (credential?.type !== "psk") throw new TypeError("a shared key was asked for");
    expect(Buffer.from(credential.identity).toString()).toBe("sim-1");
    expect(credential.key.export().toString("hex")).toBe(KEY);
    expect(await declared(given)).toMatchObject({
      psk: { identity: "sim-1", key: { plain: Buffer.from(KEY, "hex") } },
    });
  });

  it("by raw public keys, each device having its own, the same in every run, as its documents declare", async () => {
    const given = options("--security", "rpk", "--trust", serverKey);
    const credential = credentialOf(given);
    if (credential?.type !== "rawPublicKey") throw new TypeError("a raw public key was asked for");
    const publicKey = createPublicKey(credential.privateKey).export({ type: "spki", format: "der" });
    expect(await declared(given)).toMatchObject({ rawPublicKey: { publicKey } });
    expect(await declared(options("--security", "rpk", "--key-seed", "another"))).not.toMatchObject({
      rawPublicKey: { publicKey },
    });
  });

  it.each([
    ["its public key", serverKey, { type: "publicKey", publicKey: DTLS_KEYS.serverPublicKey }],
    ["a certificate", root, { type: "trustAnchor", certificate: DTLS_KEYS.root }],
  ])("and believes the server by %s", (_, file, server) => {
    expect(credentialOf(options("--security", "rpk", "--trust", file))).toMatchObject({ server });
  });

  it("with the server's Connection ID and resumption, unless told otherwise", () => {
    const psk = ["--security", "psk", "--psk-key", KEY];
    expect(securityOf(options(...psk))?.("sim-1")).toMatchObject({ ownCidLengthBytes: 0, resume: true });
    const without = securityOf(options(...psk, "--no-cid", "--no-resume"))?.("sim-1");
    expect(without).toMatchObject({ resume: false });
    expect(without).not.toHaveProperty("ownCidLengthBytes");
  });

  it.each([
    [["psk"], "--security psk needs --psk-key, the key of the devices in hex"],
    [["psk", "--psk-key", "0011"], "--psk-key is not a key: give 32, 64 or 128 characters of hex, 0-9 and a-f"],
    [
      ["psk", "--psk-key", `x${KEY.slice(1)}`],
      "--psk-key is not a key: give 32, 64 or 128 characters of hex, 0-9 and a-f",
    ],
    [["rpk"], "--security rpk needs --trust, a PEM file of the server's public key or certificate"],
    [["rpk", "--trust", nonsense], `--trust ${nonsense} is neither a public key nor a certificate in PEM`],
  ])("and says what is missing or wrong, without the key: %j", (args, message) => {
    expect(() => securityOf(options("--security", ...args))).toThrow(message);
  });
});
