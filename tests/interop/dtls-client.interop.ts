import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createPrivateKey, createPublicKey, createSecretKey, randomBytes, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ClientCredential,
  DtlsClient,
  type DtlsClientInput,
  type DtlsClientOptions,
  type DtlsClientOutput,
} from "@ferry/dtls";
import { driveMachine, formatPeerKey, type MachineDriver, openUdpSocket } from "@ferry/runtime";
import { freePort } from "@ferry/testing";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { makePki, type Pki } from "./dtls/pki.ts";

// Our client shares records, messages and key schedule with our server: only others can tell whether both are wrong alike.

const PSK = "00112233445566778899aabbccddeeff";
const PATIENCE_MS = 10_000;

let directory: string;
let pki: Pki;
const open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ferry-dtls-client-"));
  pki = await makePki(directory);
});
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
afterAll(() => rm(directory, { recursive: true }));

/** A program, with what it has printed. */
class Server {
  readonly port: number;
  readonly #child: ChildProcessWithoutNullStreams;
  printed = "";

  constructor(program: string, args: readonly string[], port: number) {
    this.port = port;
    this.#child = spawn(program, args);
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.printed += text;
      });
    }
    const ended = once(this.#child, "close");
    open.push(async () => {
      this.#child.kill("SIGKILL");
      await ended;
    });
  }

  says(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }
}

/** `openssl s_server`: what it hears is printed, what is typed is said. */
async function openssl(...args: string[]): Promise<Server> {
  const port = await freePort();
  return new Server("openssl", ["s_server", "-dtls1_2", "-quiet", "-accept", `127.0.0.1:${port}`, ...args], port);
}

/** `gnutls-serv`: it repeats what it hears, and shows no other sign of life. */
async function gnutls(...args: string[]): Promise<Server> {
  const port = await freePort();
  const server = new Server("gnutls-serv", ["--udp", "--echo", "--port", String(port), ...args], port);
  await until(() => server.printed.includes("done"));
  return server;
}

class Client {
  readonly events: Exclude<DtlsClientOutput, { readonly type: "send" }>[] = [];
  heard = "";
  #driver: MachineDriver<DtlsClientInput> | undefined;

  static async open(
    port: number,
    options: Partial<DtlsClientOptions> & { credential: ClientCredential },
  ): Promise<Client> {
    const client = new Client();
    const machine = new DtlsClient({ random: randomBytes, wallMs: () => Date.now(), ...options });
    const server = formatPeerKey("127.0.0.1", port);
    const socket = await openUdpSocket({
      host: "127.0.0.1",
      port: 0,
      onDatagram: (bytes) => driver.handle({ type: "datagram", bytes }),
      onError: () => undefined,
    });
    const driver = driveMachine<DtlsClientInput, DtlsClientOutput>(machine, (output) => {
      if (output.type === "send") {
        socket.send(output.bytes, server);
        return;
      }
      client.events.push(output);
      if (output.type === "received") client.heard += Buffer.from(output.bytes).toString();
    });
    client.#driver = driver;
    open.push(async () => {
      driver.stop();
      await socket.close();
    });
    return client;
  }

  handle(input: DtlsClientInput): void {
    this.#driver?.handle(input);
  }

  says(line: string): void {
    this.handle({ type: "send", bytes: Buffer.from(`${line}\n`) });
  }

  /** Connects; how that ended. */
  async connect(
    input: Omit<Extract<DtlsClientInput, { readonly type: "connect" }>, "type"> = {},
  ): Promise<DtlsClientOutput> {
    const before = this.events.length;
    this.handle({ type: "connect", ...input });
    const ended = (): DtlsClientOutput | undefined => this.events.slice(before).find(({ type }) => type !== "received");
    await until(() => ended() !== undefined);
    return ended() as DtlsClientOutput; // That is what was waited for.
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!holds() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds()).toBe(true);
}

/** Both say something, the server by itself. */
async function converse(client: Client, server: Server): Promise<void> {
  client.says("from the client");
  await until(() => server.printed.includes("from the client"));
  server.says("from the server");
  await until(() => client.heard.includes("from the server"));
}

const psk: ClientCredential = {
  type: "psk",
  identity: Buffer.from("device"),
  key: createSecretKey(Buffer.from(PSK, "hex")),
};
const der = (file: string): Buffer => new X509Certificate(readFileSync(file)).raw;
const x509 = (): ClientCredential => ({
  type: "certificate",
  privateKey: createPrivateKey(readFileSync(pki.device.privateKey)),
  chain: [der(pki.device.certificate)],
  server: { type: "trustAnchor", certificate: der(pki.ca.certificate) },
});
const rawPublicKey = (): ClientCredential => ({
  type: "rawPublicKey",
  privateKey: createPrivateKey(readFileSync(pki.device.privateKey)),
  server: {
    type: "publicKey",
    publicKey: createPublicKey(readFileSync(pki.server.publicKey)).export({ type: "spki", format: "der" }),
  },
});

describe("our client and OpenSSL's server", () => {
  it.each([
    { cipher: "PSK-AES128-CCM8", suite: 0xc0a8, isModern: true },
    { cipher: "PSK-AES128-GCM-SHA256", suite: 0x00a8, isModern: true },
    { cipher: "PSK-AES128-CBC-SHA256", suite: 0x00ae, isModern: true },
    { cipher: "PSK-AES128-CBC-SHA256", suite: 0x00ae, isModern: false },
  ])(
    "agree on $cipher, resumed too; extended master secret and encrypt-then-MAC: $isModern",
    async ({ cipher, suite, isModern }) => {
      const server = await openssl("-nocert", "-psk", PSK, "-cipher", cipher);
      const options = { suites: [suite], extendedMasterSecret: isModern, encryptThenMac: isModern };
      const client = await Client.open(server.port, { credential: psk, ...options });
      const first = await client.connect();
      expect(first).toMatchObject({ type: "established", suite, resumed: false, extendedMasterSecret: isModern });
      await converse(client, server);
      if (first.type !== "established" || first.session === undefined) throw new TypeError("OpenSSL gives sessions");
      client.handle({ type: "close" });
      expect(await client.connect({ session: first.session })).toMatchObject({ type: "established", resumed: true });
    },
  );

  it("agree on a cookie", async () => {
    const server = await openssl("-listen", "-nocert", "-psk", PSK, "-cipher", "PSK-AES128-CCM8");
    const client = await Client.open(server.port, { credential: psk });
    expect(await client.connect()).toMatchObject({ type: "established" });
    await converse(client, server);
  });

  it.each(["ECDHE-ECDSA-AES128-CCM8", "ECDHE-ECDSA-AES128-GCM-SHA256"])(
    "agree on %s with certificates of both, in small datagrams",
    async (cipher) => {
      const server = await openssl(
        ...["-cert", pki.server.certificate, "-key", pki.server.privateKey, "-CAfile", pki.ca.certificate],
        ...["-Verify", "2", "-verify_return_error", "-cipher", `${cipher}@SECLEVEL=0`, "-mtu", "600"],
      );
      const client = await Client.open(server.port, {
        credential: x509(),
        serverName: "localhost",
        maxDatagramBytes: 576,
      });
      expect(await client.connect()).toMatchObject({ type: "established" });
      await converse(client, server);
    },
  );

  it("do not agree when the certificate is of another authority", async () => {
    const server = await openssl("-cert", pki.server.certificate, "-key", pki.server.privateKey);
    const trust = { type: "trustAnchor", certificate: der(pki.otherCa.certificate) } as const;
    const client = await Client.open(server.port, { credential: { ...x509(), server: trust } as ClientCredential });
    expect(await client.connect()).toMatchObject({ type: "failed", reason: "unauthorized" });
  });
});

describe("our client and GnuTLS's server", () => {
  it("agree on raw public keys of both (RFC 7250)", async () => {
    const server = await gnutls(
      ...["--rawpkkeyfile", pki.server.privateKey, "--rawpkfile", pki.server.publicKey, "--require-client-cert"],
      "--priority",
      "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-ECDSA:+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK:-CTYPE-CLI-X509:-CTYPE-SRV-X509",
    );
    const client = await Client.open(server.port, { credential: rawPublicKey() });
    expect(await client.connect()).toMatchObject({ type: "established" });
    client.says("from the client");
    await until(() => client.heard.includes("from the client"));
  });
});
