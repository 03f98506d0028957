import { execFile } from "node:child_process";
import { createPrivateKey, createPublicKey, randomBytes, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { StreamRecord } from "@ferry/client";
import { makeCertificate } from "@ferry/dtls-endpoint";
import { type LeshanDevice, type LeshanOptions, ProcessStartError, startLeshan } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { type LogLine, type Recording, type ServiceProcess, type Stops, System, stopAll } from "../e2e/system.ts";
import { LeshanKeys, type SecurityMode } from "./leshan-keys.ts";

// Who is let in over DTLS and who is not, and who cannot be reached: what leshan.interop.ts has nothing like over UDP.

type Secured = Pick<LeshanOptions, "psk" | "rpk" | "x509">;

const MODES = ["PSK", "RPK", "X509"] as const;
const DAY_MS = 86_400_000;
const PATIENCE_MS = 15_000;

/** libcoap's client takes a key as text. */
const LEAVER_KEY = "secret-of-leaver";
const DOCUMENTS = `kind: profile
name: nothing
---
kind: profile
name: sleeper
power: { queueModeAwakeTimeMs: 1000 }
---
kind: device
endpoint: leaver
profile: nothing
credentials:
  - psk: { identity: leaver, key: "${Buffer.from(LEAVER_KEY).toString("hex")}" }
`;

jest.setTimeout(30_000);

const run = promisify(execFile);
const stops: Stops = [];
const secured = new Map<string, Secured>();
let keys: LeshanKeys;
let system: System;
let transport: ServiceProcess;
let lifecycle: Recording;
let progress: Recording;

beforeAll(async () => {
  keys = await LeshanKeys.make();
  stops.push(() => keys.remove());
  const transportEnv = {
    LWM2M_DTLS_KEYS: keys.serverFolder,
    LWM2M_DTLS_WRONG_KEY_TIMEOUT: "1s",
    LOG_LEVEL: "debug", // The same failure again from the same host is told on this level only.
  };
  system = await System.start({ name: "leshan-dtls", transportEnv });
  stops.push(() => system.stop());
  transport = await system.run("transport", "transport-0");
  const router = await system.run("rpc-router", "rpc-router");
  const documents = await makeKeys();
  await Promise.all([transport.started, router.started]);
  const byHand = keys.path("by-hand.yaml");
  writeFileSync(byHand, DOCUMENTS);
  await system.provision([byHand, ...documents]);
  [lifecycle, progress] = await Promise.all([system.follow("lifecycle"), system.follow("rpcStatus")]);
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

/** Keys of all devices of this file; returns the documents of those that are declared. */
async function makeKeys(): Promise<string[]> {
  const [fleet, other] = await Promise.all([keys.ca("fleet"), keys.ca("other")]);
  const make = async (
    endpoint: string,
    mode: SecurityMode,
    more: { declared?: string; ca?: string; profile?: string },
  ) => {
    const { security, document } = await keys.device(endpoint, { mode, profile: "nothing", ...more });
    secured.set(endpoint, security);
    return document;
  };
  const declared = await Promise.all([
    // A pinned certificate is its device's whatever it names.
    ...MODES.map((mode) => make(`says-${mode}`, mode, { declared: `is-${mode}` })),
    make("wrong-key", "PSK", {}),
    make("visitor-expired", "X509", { ca: fleet, declared: "visitor-*" }),
    make("sleeper", "PSK", { profile: "sleeper" }),
  ]);
  await Promise.all([
    make("unknown-identity", "PSK", {}),
    make("unknown-key", "RPK", {}),
    make("visitor-stranger", "X509", { ca: other }),
  ]);
  secured.set("wrong-key", { psk: { key: randomBytes(16).toString("hex") } });
  await expire("visitor-expired", fleet);
  return declared;
}

/** Puts a certificate whose time is over in the place of a device's. */
async function expire(endpoint: string, ca: string): Promise<void> {
  const read = (name: string): Buffer => readFileSync(keys.path(name));
  const certificate = await makeCertificate(
    {
      commonName: endpoint,
      publicKey: createPublicKey(read(`${endpoint}.key`)),
      usage: "client",
      notBeforeMs: Date.now() - 2 * DAY_MS,
      notAfterMs: Date.now() - DAY_MS,
      signer: {
        privateKey: createPrivateKey(readFileSync(`${ca}.key`)),
        certificate: new X509Certificate(readFileSync(`${ca}.crt`)).raw,
      },
    },
    randomBytes,
  );
  writeFileSync(keys.path(`${endpoint}.crt`), new X509Certificate(certificate).toString());
}

async function start(endpoint: string, options: Pick<LeshanOptions, "queueMode"> = {}): Promise<LeshanDevice> {
  const server = `coaps://127.0.0.1:${transport.dtlsPort}`;
  const device = await startLeshan({ ...secured.get(endpoint), ...options, server, endpoint });
  stops.push(() => device.stop());
  return device;
}

/** Awaits a line of the transport's log about handshakes. @throws {ProcessStartError} there is none in time */
async function handshakeFailure(detail: string): Promise<LogLine> {
  const deadlineMs = Date.now() + PATIENCE_MS;
  const isIt = (line: LogLine): boolean =>
    line.msg.startsWith("A DTLS handshake") && String(line.detail).includes(detail);
  for (;;) {
    const found = transport.log().find(isIt);
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new ProcessStartError(`no handshake failed with "${detail}"`);
    await sleep(100);
  }
}

const isRefused =
  (endpoint: string) =>
  (record: StreamRecord): boolean =>
    record.key === `default/${endpoint}` && record.value.event === "LIFECYCLE_EVENT_REFUSED";

const REFUSED: readonly (readonly [what: string, endpoint: string, detail: string, told: "its tenant" | "nobody"])[] = [
  ["an identity that nobody has", "unknown-identity", "nobody has the PSK identity", "nobody"],
  ["a wrong key", "wrong-key", "the keys differ", "its tenant"],
  ["a raw public key that nobody has", "unknown-key", "no device is provisioned with this raw public key", "nobody"],
  ["a certificate of another CA", "visitor-stranger", "no CA that is declared for it has signed it", "nobody"],
  ["a certificate whose time is over", "visitor-expired", "expired at", "its tenant"],
];

describe("Leshan's client behind DTLS", () => {
  const devices = new Map<string, LeshanDevice>();

  // All at once: to be answered with silence takes time.
  beforeAll(async () => {
    const endpoints = [...MODES.map((mode) => `says-${mode}`), ...REFUSED.map(([, endpoint]) => endpoint)];
    await Promise.all(endpoints.map(async (endpoint) => devices.set(endpoint, await start(endpoint))));
  }, 60_000);
  afterAll(() => Promise.all([...devices.values()].map((device) => device.stop())));

  it.each(MODES)(
    "under another name than its credential's is answered 4.03, and its tenant is told: %s",
    async (mode) => {
      const reason = `the credential is of "is-${mode}", and the device registers as "says-${mode}"`;
      const refusal = await devices.get(`says-${mode}`)?.waitFor("refused");
      expect(refusal).toMatchObject({ uplink: "register", code: 403, message: expect.stringContaining(reason) });
      const { value } = await lifecycle.waitFor(isRefused(`is-${mode}`));
      expect(value).toMatchObject({ reason: expect.stringContaining(reason) });
    },
  );

  it.each(REFUSED)("with %s is not registered (%s): %s, which is told to %s", async (_, endpoint, detail, told) => {
    expect(await handshakeFailure(detail)).toMatchObject({ address: expect.stringContaining("127.0.0.1:") });
    if (told === "its tenant") {
      const { value } = await lifecycle.waitFor(isRefused(endpoint));
      expect(value).toMatchObject({ reason: expect.stringContaining(detail) });
    } else expect(lifecycle.of(endpoint)).toEqual([]);
    expect(devices.get(endpoint)?.events.map(({ event }) => event)).not.toContain("registered");
    expect(await system.client.device(endpoint)).toBeUndefined();
  });
});

describe("requests to a device behind DTLS that cannot be reached", () => {
  const ask = (endpoint: string, failFast: boolean) =>
    system.client.rpc({ endpoint, method: "Read", params: { id: "/3/0/9" }, timeoutMs: 20_000, failFast });

  it("wait while Leshan's client sleeps, and are carried out once it is heard", async () => {
    const sleeper = await start("sleeper", { queueMode: true });
    await sleeper.waitFor("registered");
    await lifecycle.waitFor(({ key, value }) => key === "default/sleeper" && value.event === "LIFECYCLE_EVENT_ASLEEP");
    const asleepAt = sleeper.events.length;
    expect(await ask("sleeper", true)).toMatchObject({ status: "UNREACHABLE" });
    const answer = ask("sleeper", false);
    await progress.waitFor(
      ({ key, value }) => key === "default/sleeper" && value.progress === "RPC_PROGRESS_WAITING_FOR_DEVICE",
    );
    await sleeper.settle();
    expect(sleeper.events.slice(asleepAt)).toEqual([]);

    await sleeper.send({ command: "update" });

    expect(await answer).toMatchObject({ status: "SUCCESSFUL", result: "CONTENT" });
  });

  it("C63: end at once where they do not wait and libcoap's client has closed its association", async () => {
    const register = `coaps://127.0.0.1:${transport.dtlsPort}/rd?ep=leaver&lt=300&lwm2m=1.1&b=U`;
    const credential = ["-u", "leaver", "-k", LEAVER_KEY];
    await run("coap-client-openssl", ["-m", "post", "-t", "40", "-e", "</1/0>,</3/0>", ...credential, register]);
    await lifecycle.waitFor(
      ({ key, value }) => key === "default/leaver" && value.event === "LIFECYCLE_EVENT_REGISTERED",
    );
    expect(await ask("leaver", true)).toMatchObject({
      status: "FAILED",
      result: "INTERNAL_SERVER_ERROR",
      error: "Unable to send request /3/0/9 : peer is not connected",
    });
  });
});
