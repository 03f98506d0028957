import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LeshanOptions, ProcessStartError } from "@ferry/testing";
import { parse } from "yaml";
import type { ServiceProcess } from "../e2e/system.ts";
import type { LeshanKeys, SecurityMode } from "./leshan-keys.ts";

/** How a device proves who it is, at either server. */
export type Mode = "NO_SEC" | SecurityMode;

/** What a device is made of that is to be bootstrapped. */
export interface BootstrapDevice {
  readonly endpoint: string;
  readonly atBootstrap: Mode;
  readonly atServer: Mode;
  /** What its profile says beside the resources: `bootstrap` as people write it. */
  readonly bootstrap: object;
}

/** Names of the security modes in profiles. */
const IN_PROFILES = { NO_SEC: "noSec", PSK: "psk", RPK: "rawPublicKey", X509: "x509" } as const;

/** Keys of one side, as Leshan is started with them, as documents declare them, and as documents give them to the device. */
interface MadeKeys {
  readonly started: Pick<LeshanOptions, "psk" | "rpk" | "x509">;
  readonly credentials: readonly object[];
  readonly client: object;
}

/** An account of a profile: where a process listens, and what devices know it by. */
export function account(mode: Mode, { coapPort, dtlsPort }: ServiceProcess, keys: LeshanKeys): object {
  return {
    security: IN_PROFILES[mode],
    host: "127.0.0.1",
    port: mode === "NO_SEC" ? coapPort : dtlsPort,
    ...(mode === "RPK" && { serverPublicKey: read(keys.path("server.pub")) }),
    ...(mode === "X509" && { serverPublicKey: read(join(keys.serverFolder, "server.crt")) }),
  };
}

/**
 * Declares a device with a profile of its own: the same keys for both servers where their modes are the same, else one for each.
 *
 * Returns the file of the documents, and what the device leaves the factory with.
 */
export async function declare(
  keys: LeshanKeys,
  { endpoint, atBootstrap, atServer, bootstrap }: BootstrapDevice,
): Promise<{ readonly document: string; readonly factory: MadeKeys["started"] }> {
  const profile = `of-${endpoint}`;
  const server = await make(keys, endpoint, atServer);
  const factory = atBootstrap === atServer ? server : await make(keys, `factory-${endpoint}`, atBootstrap);
  const resources = { "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true } };
  const documents = [
    { kind: "profile", name: profile, resources, bootstrap },
    {
      kind: "device",
      endpoint,
      profile,
      credentials: server.credentials,
      bootstrap: { server: server.client, ...(factory !== server && { bootstrapServer: factory.client }) },
    },
  ];
  const document = keys.path(`bootstrap-${endpoint}.yaml`);
  writeFileSync(document, documents.map((one) => JSON.stringify(one)).join("\n---\n"));
  return { document, factory: factory.started };
}

async function make(keys: LeshanKeys, name: string, mode: Mode): Promise<MadeKeys> {
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
