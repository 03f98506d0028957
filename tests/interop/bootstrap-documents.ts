import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LeshanOptions, ProcessStartError } from "@ferry/testing";
import { parse } from "yaml";
import type { ServiceProcess } from "../e2e/system.ts";
import type { LeshanKeys, SecurityMode } from "./leshan-keys.ts";

/** How a device proves who it is, at either server. */
export type Mode = "NO_SEC" | SecurityMode;

/** Keys of one side: as Leshan is started with them, as documents declare them, and as documents give them to the device. */
export interface MadeKeys {
  readonly started: Pick<LeshanOptions, "psk" | "rpk" | "x509">;
  readonly credentials: readonly object[];
  readonly client: object;
}

/** Where a server listens. */
export type Ports = Pick<ServiceProcess, "coapPort" | "dtlsPort">;

/** A device that is to be bootstrapped. */
export interface BootstrapDevice {
  readonly endpoint: string;
  /** What it leaves the factory with; the same object as `server` where both servers are to know it by the same. */
  readonly factory: MadeKeys;
  /** What it is given for LwM2M servers. */
  readonly server: MadeKeys;
  /** `bootstrap` of its profile, as people write it. */
  readonly bootstrap: object;
}

/** Names of the security modes in profiles. */
const IN_PROFILES = { NO_SEC: "noSec", PSK: "psk", RPK: "rawPublicKey", X509: "x509" } as const;

/** An account of a profile: where a server listens, and what devices know it by. */
export function account(mode: Mode, { coapPort, dtlsPort }: Ports, keys: LeshanKeys): object {
  return {
    security: IN_PROFILES[mode],
    host: "127.0.0.1",
    port: mode === "NO_SEC" ? coapPort : dtlsPort,
    ...(mode === "RPK" && { serverPublicKey: read(keys.path("server.pub")) }),
    ...(mode === "X509" && { serverPublicKey: read(join(keys.serverFolder, "server.crt")) }),
  };
}

/** Declares a device, with a profile of its own; returns the file of the documents. */
export function declare(keys: LeshanKeys, { endpoint, factory, server, bootstrap }: BootstrapDevice): string {
  const profile = `of-${endpoint}`;
  const resources = { "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true } };
  const atBootstrap = factory === server ? {} : { bootstrapServer: factory.client };
  const documents = [
    { kind: "profile", name: profile, resources, bootstrap },
    {
      kind: "device",
      endpoint,
      profile,
      credentials: server.credentials,
      bootstrap: { server: server.client, ...atBootstrap },
    },
  ];
  const document = keys.path(`bootstrap-${endpoint}.yaml`);
  writeFileSync(document, documents.map((one) => JSON.stringify(one)).join("\n---\n"));
  return document;
}

/** Makes keys of a name that has none yet; with a PSK the name is the identity. */
export async function makeKeys(keys: LeshanKeys, name: string, mode: Mode): Promise<MadeKeys> {
  if (mode === "NO_SEC") return { started: {}, credentials: [{ noSec: true }], client: { noSec: true } };
  const { security, document } = await keys.device(name, { mode, profile: "none" });
  const { credentials } = parse(read(document)) as { credentials: readonly object[] };
  const { psk, rpk, x509 } = security;
  if (psk !== undefined) {
    const own = { identity: name, key: psk.key };
    return { started: { psk: own }, credentials, client: { psk: own } };
  }
  if (rpk !== undefined) {
    const pair = { publicKey: read(rpk.publicKey), privateKey: read(rpk.privateKey) };
    return { started: { rpk }, credentials, client: { rawPublicKey: pair } };
  }
  if (x509 === undefined) throw new ProcessStartError(`no keys were made for ${name}`);
  const pair = { certificate: read(x509.certificate), privateKey: read(x509.privateKey) };
  return { started: { x509 }, credentials, client: { x509: pair } };
}

function read(path: string): string {
  return readFileSync(path, "utf8");
}
