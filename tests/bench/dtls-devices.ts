/** The devices of `dtls.bench.ts`: their keys follow from their names, so that server and generator need not tell each other any. */
import { createHash, createPublicKey, type KeyObject, randomBytes } from "node:crypto";
import { type ClientCredential, type DtlsClientOptions, secretKey } from "@ferry/dtls";
import { makeCertificate } from "@ferry/dtls-endpoint";
import { deviceKey } from "@ferry/simulator";

/** How a device proves who it is. */
export type DeviceKind = "PSK" | "RPK" | "X.509";

/** The suite of a kind, by IANA number: CCM_8, as constrained devices have it. */
const SUITES: Readonly<Record<DeviceKind, number>> = { PSK: 0xc0a8, RPK: 0xc0ae, "X.509": 0xc0ae };
/** The server lets one network (24 bits) begin only so many handshakes: devices come from many. */
const NETWORKS = 32;
const SEED = "ferry bench";
const DAY_MS = 86_400_000;

const CA_KEY: KeyObject = deviceKey(SEED, "ca");
const SERVER_KEY: KeyObject = deviceKey(SEED, "server");

/** Of the server: its key, raw and in a certificate. */
export interface ServerMaterial {
  readonly privateKey: KeyObject;
  readonly publicKey: Uint8Array;
  readonly certificate: Uint8Array;
}

export function endpointOf(kind: DeviceKind, index: number): string {
  return `bench-${kind.toLowerCase().replace(".", "")}-${index}`;
}

/** Where a device sends from. */
export function sourceAddress(index: number): string {
  return `127.1.${index % NETWORKS}.1`;
}

export function pskOf(endpoint: string): Uint8Array {
  return createHash("sha256").update(`${SEED} ${endpoint}`).digest().subarray(0, 16);
}

export function publicKeyOf(endpoint: string): Uint8Array {
  return spki(deviceKey(SEED, endpoint));
}

export async function makeServerMaterial(): Promise<ServerMaterial> {
  const certificate = await certify("server.example.org", SERVER_KEY, "server");
  return { privateKey: SERVER_KEY, publicKey: spki(SERVER_KEY), certificate };
}

/** What a device's client is made with. All offer Connection ID. */
export async function clientOptions(
  kind: DeviceKind,
  endpoint: string,
): Promise<Pick<DtlsClientOptions, "credential" | "suites" | "ownCidLengthBytes">> {
  return { credential: await credentialOf(kind, endpoint), suites: [SUITES[kind]], ownCidLengthBytes: 0 };
}

async function credentialOf(kind: DeviceKind, endpoint: string): Promise<ClientCredential> {
  if (kind === "PSK") return { type: "psk", identity: Buffer.from(endpoint), key: secretKey(pskOf(endpoint)) };
  const privateKey = deviceKey(SEED, endpoint);
  const server = { type: "publicKey", publicKey: spki(SERVER_KEY) } as const;
  if (kind === "RPK") return { type: "rawPublicKey", privateKey, server };
  return { type: "certificate", privateKey, chain: [await certify(endpoint, privateKey, "client")], server };
}

function certify(commonName: string, key: KeyObject, usage: "server" | "client" | "ca"): Promise<Uint8Array> {
  const nowMs = Date.now();
  return makeCertificate(
    {
      commonName,
      usage,
      publicKey: createPublicKey(key),
      notBeforeMs: nowMs - DAY_MS,
      notAfterMs: nowMs + DAY_MS,
      signer: { privateKey: CA_KEY, ...(usage === "ca" ? {} : { certificate: AUTHORITY }) },
    },
    randomBytes,
  );
}

function spki(privateKey: KeyObject): Uint8Array {
  return createPublicKey(privateKey).export({ type: "spki", format: "der" });
}

/** The CA that issues the certificates of the devices, DER. */
export const AUTHORITY: Uint8Array = await certify("Bench CA", CA_KEY, "ca");
