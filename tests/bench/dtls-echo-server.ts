/**
 * The server of `dtls.bench.ts`, in a process of its own so that its CPU can be told from that of the devices: a DTLS listener as the transport has it, with
 * stores in memory, that answers each record by the same bytes, and beside it a socket that does so without DTLS.
 */
import { randomBytes } from "node:crypto";
import {
  DTLS_METRICS,
  deriveAssociationSealing,
  dtlsSettings,
  NO_SERVER_KEYS,
  openDtlsEndpoint,
  ProvisionedCredentials,
} from "@ferry/dtls-endpoint";
import { lwm2m, provisioningKey } from "@ferry/proto";
import {
  Catalogue,
  CredentialsInForce,
  deviceIdentities,
  parseProvisioningRecord,
  parseSealingKeys,
  sealSecret,
} from "@ferry/provisioning";
import {
  createLogger,
  createMetrics,
  defineConfig,
  monotonicMs,
  openUdpSocket,
  pooledRandom,
  wallMs,
} from "@ferry/runtime";
import { memoryState } from "@ferry/state/memory";
import { AUTHORITY, type DeviceKind, endpointOf, makeServerMaterial, pskOf, publicKeyOf } from "./dtls-devices.ts";

/** What the server is told to be. */
export interface EchoServerOptions {
  readonly devices: Readonly<Record<DeviceKind, number>>;
  /** Signatures and key agreements of a turn that are done in place; more go to the thread pool. */
  readonly computeInPoolAbove: number;
}

/** Where it listens. */
export interface ServerPorts {
  readonly dtls: number;
  readonly plain: number;
}

const SEALING_KEYS = parseSealingKeys(randomBytes(32).toString("base64"));
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const TENANT = "default";
/** The one declaration for all devices with certificates. */
const CERTIFIED = "bench-x509-*";

async function start({ devices, computeInPoolAbove }: EchoServerOptions): Promise<ServerPorts> {
  const { dtls } = defineConfig({ dtls: dtlsSettings("LWM2M_DTLS", 5686) }).load({
    env: {
      LWM2M_DTLS_HOST: "127.0.0.1",
      LWM2M_DTLS_PORT: "0",
      LWM2M_DTLS_COMPUTE_IN_POOL_ABOVE: String(computeInPoolAbove),
    },
  });
  const state = memoryState();
  const catalogue = new Catalogue(state.provisioning);
  let offset = 0;
  const declare = async (endpoint: string, credential: lwm2m.v1.Credential.$Properties): Promise<void> => {
    const device = { endpoint, profile: "meter", credentials: [credential], allowUnauthenticatedFleet: false };
    const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
    const parsed = parseProvisioningRecord(provisioningKey("device", TENANT, endpoint), value);
    if (parsed.kind !== "device") throw new TypeError(`${endpoint} is not a device`);
    if (endpoint.endsWith("*")) catalogue.put(parsed);
    const record = { kind: "device", tenant: TENANT, id: endpoint, value, offset: offset++ } as const;
    await state.provisioning.put(record, deviceIdentities(parsed.device, undefined));
  };
  await declare(CERTIFIED, { x509: { ca: AUTHORITY } });
  for (let index = 0; index < devices.PSK; index++) {
    const identity = endpointOf("PSK", index);
    const sealed = sealSecret(SEALING_KEYS, pskOf(identity), `${TENANT}/${identity}`, randomBytes);
    await declare(identity, { psk: { identity, key: { sealed } } });
  }
  for (let index = 0; index < devices.RPK; index++) {
    const endpoint = endpointOf("RPK", index);
    await declare(endpoint, { rawPublicKey: { publicKey: publicKeyOf(endpoint) } });
  }

  await state.provisioning.setPosition(offset);

  const { privateKey, publicKey, certificate } = await makeServerMaterial();
  const serverKeys = {
    ...NO_SERVER_KEYS,
    rawPublicKey: { privateKey, publicKey },
    certificate: () => ({ privateKey, chain: [certificate] }),
  };
  const nobody = (): void => undefined;
  const logger = createLogger("bench", { level: "error", format: "json" });
  const endpoint = await openDtlsEndpoint({
    settings: dtls,
    openSocket: openUdpSocket,
    credentials: new ProvisionedCredentials({
      inForce: new CredentialsInForce(state.provisioning, catalogue),
      sealingKeys: SEALING_KEYS,
      trust: serverKeys,
      wallMs,
      logger,
    }),
    associations: state.associations,
    sealing: deriveAssociationSealing(SEALING_KEYS),
    serverKeys,
    node: { slot: 1, bootId: "0011223344556677" },
    mayServe: () => true,
    askOwner: async () => undefined,
    on: {
      datagram: (bytes, peer) => endpoint.send(bytes, peer),
      established: nobody,
      takenOver: nobody,
      moved: nobody,
      confirmed: nobody,
      closed: nobody,
      refused: nobody,
    },
    metrics: createMetrics({ process: false }).register(DTLS_METRICS),
    logger,
    clock: { wallMs, monotonicMs },
    random: pooledRandom(),
  });
  const plain = await openUdpSocket({
    host: "127.0.0.1",
    port: 0,
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onDatagram: (bytes, peer) => plain.send(bytes, peer),
    onError: nobody,
  });
  return { dtls: endpoint.port, plain: plain.port };
}

process.once("message", async (options: EchoServerOptions) => {
  process.send?.(await start(options));
});
