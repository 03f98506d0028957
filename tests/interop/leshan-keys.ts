import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCli } from "@ferry/ferry";
import { type LeshanOptions, ProcessStartError } from "@ferry/testing";
import { parse } from "yaml";

/** How devices behind DTLS prove who they are, as registrations tell it. */
export type SecurityMode = "PSK" | "RPK" | "X509";

/** What a device is started with, and the file of the document that declares it. */
export interface DeviceKeys {
  readonly security: Pick<LeshanOptions, "psk" | "rpk" | "x509">;
  readonly document: string;
}

/** What becomes of a device's keys. */
export interface DeviceKeysOptions {
  readonly mode: SecurityMode;
  readonly profile: string;
  /** Whom the document declares, where that is not the endpoint that the keys are made for. */
  readonly declared?: string;
  /** Stem of the CA that signs for a device with a certificate; pinned where there is none. */
  readonly ca?: string;
  /** Length of the Connection ID in records to the device; it offers none where there is none. */
  readonly cidBytes?: number;
}

/** Keys of a server and of Leshan's devices, made as a user makes them: by `ferry keys`. Files in a folder that `remove` deletes. */
export class LeshanKeys {
  /** What `LWM2M_DTLS_KEYS` names. */
  readonly serverFolder: string;
  readonly #folder: string;

  /** Keys of a server that shows a raw public key or a certificate. */
  static async make(): Promise<LeshanKeys> {
    const keys = new LeshanKeys(mkdtempSync(join(tmpdir(), "ferry-leshan-")));
    await keys.#run("generate", "server", "--rpk", "--x509", "--out", keys.serverFolder);
    // What devices are to know of a raw public key, `ferry keys show` tells.
    const shown = await keys.#run("show", join(keys.serverFolder, "rpk.key"));
    keys.#write("server.pub", publicPem(/Base64 +(\S+)/.exec(shown)?.[1] ?? ""));
    return keys;
  }

  private constructor(folder: string) {
    this.#folder = folder;
    this.serverFolder = join(folder, "server");
  }

  /** Makes a CA; returns the stem of its files. */
  async ca(name: string): Promise<string> {
    await this.#run("generate", "ca", "--name", name, "--stem", name, "--out", this.#folder);
    return this.path(name);
  }

  async device(
    endpoint: string,
    { mode, profile, declared = endpoint, ca, cidBytes }: DeviceKeysOptions,
  ): Promise<DeviceKeys> {
    const signed = ca === undefined ? [] : ["--ca", ca];
    await this.#run("generate", "device", endpoint, `--${mode.toLowerCase()}`, ...signed, "--out", this.#folder);
    const document = this.path(`${endpoint}.yaml`);
    const text = readFileSync(document, "utf8")
      .replace("profile: default", `profile: ${profile}`)
      .replace(`endpoint: "${endpoint}"`, `endpoint: "${declared}"`);
    writeFileSync(document, text);
    const [credential] = (parse(text) as Declaration).credentials;
    const cid = cidBytes === undefined ? {} : { cidBytes };
    const security = { [mode.toLowerCase()]: { ...this.#security(endpoint, mode, credential), ...cid } };
    return { document, security };
  }

  path(name: string): string {
    return join(this.#folder, name);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }

  #security(endpoint: string, mode: SecurityMode, { psk, rawPublicKey }: Credential): object {
    const privateKey = this.path(`${endpoint}.key`);
    switch (mode) {
      case "PSK":
        return { key: psk?.key };
      case "RPK": {
        const publicKey = this.#write(`${endpoint}.pub`, publicPem(rawPublicKey ?? ""));
        return { publicKey, privateKey, serverKey: this.path("server.pub") };
      }
      case "X509":
        return {
          certificate: this.path(`${endpoint}.crt`),
          privateKey,
          serverKey: join(this.serverFolder, "server.crt"),
        };
    }
  }

  #write(name: string, text: string): string {
    writeFileSync(this.path(name), text);
    return this.path(name);
  }

  async #run(...args: readonly string[]): Promise<string> {
    let [stdout, stderr] = ["", ""];
    const code = await runCli(["keys", ...args], {
      env: {},
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
    });
    if (code !== 0) throw new ProcessStartError(`ferry keys ${args.join(" ")} ends with ${code}: ${stderr}`);
    return stdout;
  }
}

interface Declaration {
  readonly credentials: readonly [Credential];
}

interface Credential {
  readonly psk?: { readonly key: string };
  readonly rawPublicKey?: string;
}

function publicPem(base64: string): string {
  return `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----\n`;
}
