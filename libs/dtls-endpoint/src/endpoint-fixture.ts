import { generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import {
  type ClientCredential,
  type ClientSession,
  DtlsClient,
  type DtlsClientInput,
  type DtlsClientOptions,
  type DtlsClientOutput,
  type Established,
  secretKey,
} from "@ferry/dtls";
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
  driveMachine,
  type Logger,
  type MachineDriver,
  monotonicMs,
  openUdpSocket,
  type UdpSocket,
  wallMs,
} from "@ferry/runtime";
import type { NodeRef } from "@ferry/state";
import { type MemoryState, memoryState } from "@ferry/state/memory";
import { type AssociationSealing, deriveAssociationSealing } from "./association-sealing.ts";
import type {
  DtlsCloseReason,
  DtlsEndpoint,
  OwnedAssociation,
  OwnerAnswer,
  RefusedHandshake,
} from "./dtls-endpoint.ts";
import { DTLS_METRICS } from "./metrics.ts";
import { openDtlsEndpoint } from "./open-dtls-endpoint.ts";
import { ProvisionedCredentials } from "./provisioned-credentials.ts";
import { NO_SERVER_KEYS, type ServerKeys } from "./server-keys.ts";
import { type DtlsSettings, SUITE_NAMES } from "./settings.ts";

type Credential = lwm2m.v1.Credential.$Properties;

const PROVISIONING_KEYS = parseSealingKeys(Buffer.alloc(32, 3).toString("base64"));

export const SETTINGS: DtlsSettings = {
  enabled: true,
  host: "127.0.0.1",
  port: 0,
  reusePort: false,
  receiveBufferBytes: 262_144,
  suites: SUITE_NAMES,
  cidLength: 8,
  extendedMasterSecret: "prefer",
  nonce: "stamped",
  mtu: 1200,
  maxAssociations: 100,
  maxHandshakes: 100,
  wrongKeyTimeoutMs: 1_000,
  computeInPoolAbove: 4,
  idleMs: 3_600_000,
  lifetimeMs: 3_600_000,
  sessionLifetimeMs: 3_600_000,
  lookups: "1000:1",
};

/** A node's listener on the loopback, and what it told. */
export interface TestNode {
  readonly node: NodeRef;
  readonly endpoint: DtlsEndpoint;
  readonly told: string[];
  readonly refused: RefusedHandshake[];
  readonly received: { readonly text: string; readonly peer: string }[];
  /** In Prometheus text format. */
  metrics(): Promise<string>;
  readonly logged: string[];
  /** What is sent to a device once it has moved. */
  readonly waiting: string[];
  /** Whether it holds its slot. */
  serving: boolean;
  alive: boolean;
}

/** Nodes that share a store, with real sockets. */
export class EndpointFixture {
  readonly state: MemoryState = memoryState();
  readonly catalogue: Catalogue = new Catalogue(this.state.provisioning);
  readonly nodes: TestNode[] = [];
  readonly clients: TestClient[] = [];
  /** What the nodes take for the time, ms since 1970. */
  wallMs: () => number = wallMs;
  #offset = 0;

  /** Declares a device as the materialiser stores it: pre-shared keys sealed. */
  async declare(endpoint: string, credentials: readonly Credential[], tenant = "default"): Promise<void> {
    const sealed = credentials.map(({ psk, ...rest }) =>
      psk?.key?.plain
        ? {
            psk: {
              ...psk,
              key: { sealed: sealSecret(PROVISIONING_KEYS, psk.key.plain, `${tenant}/${endpoint}`, randomBytes) },
            },
          }
        : { ...rest, ...(psk ? { psk } : {}) },
    );
    const device = { endpoint, profile: "meter", credentials: sealed };
    const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
    const parsed = parseProvisioningRecord(provisioningKey("device", tenant, endpoint), value);
    if (parsed.kind !== "device") throw new TypeError("not a device");
    if (endpoint.endsWith("*")) this.catalogue.put(parsed);
    const record = { kind: "device", tenant, id: endpoint, value, offset: this.#offset++ } as const;
    const outcome = await this.state.provisioning.put(record, deviceIdentities(parsed.device, undefined));
    if (outcome.type !== "stored") throw new TypeError(`${endpoint} is not stored: ${outcome.type}`);
    await this.state.provisioning.setPosition(record.offset);
  }

  async node(
    slot: number,
    settings: Partial<DtlsSettings> = {},
    {
      serverKeys = NO_SERVER_KEYS,
      sealing = deriveAssociationSealing(PROVISIONING_KEYS),
    }: { readonly serverKeys?: ServerKeys; readonly sealing?: AssociationSealing } = {},
  ): Promise<TestNode> {
    const logged: string[] = [];
    const logger: Logger = createLogger(
      "test",
      { level: "debug", format: "json" },
      { destination: { write: (line: string) => void logged.push(line) } },
    );
    const registry = createMetrics({ process: false });
    const told: string[] = [];
    const refused: RefusedHandshake[] = [];
    const received: { text: string; peer: string }[] = [];
    const node = { slot, bootId: randomBytes(8).toString("hex") };
    const heard = { told, refused, received, logged, metrics: () => registry.text() };
    const test = { node, ...heard, waiting: [] as string[], serving: true, alive: true };
    const endpoint = await openDtlsEndpoint({
      settings: { ...SETTINGS, ...settings },
      openSocket: openUdpSocket,
      credentials: new ProvisionedCredentials({
        inForce: new CredentialsInForce(this.state.provisioning, this.catalogue),
        sealingKeys: PROVISIONING_KEYS,
        trust: serverKeys,
        wallMs: () => this.wallMs(),
        logger,
      }),
      associations: this.state.associations,
      sealing,
      serverKeys,
      node,
      mayServe: () => test.serving,
      askOwner: async (association, sequence) => this.#ask(association, sequence),
      on: {
        datagram: (bytes, peer) => {
          const text = Buffer.from(bytes).toString();
          received.push({ text, peer });
          endpoint.send(Buffer.from(`echo ${text}`), peer);
        },
        established: () => void told.push("established"),
        takenOver: () => void told.push("takenOver"),
        moved: (peer) => {
          told.push("moved");
          for (const text of test.waiting.splice(0)) endpoint.send(Buffer.from(text), peer);
        },
        confirmed: () => void told.push("confirmed"),
        closed: (_, reason: DtlsCloseReason) => void told.push(`closed ${reason}`),
        refused: (handshake) => void refused.push(handshake),
      },
      metrics: registry.register(DTLS_METRICS),
      logger,
      clock: { wallMs: () => this.wallMs(), monotonicMs },
      random: randomBytes,
    });
    const made: TestNode = Object.assign(test, { endpoint });
    this.nodes.push(made);
    return made;
  }

  /** As a node command does it: a living node tells and forgets, a dead one says nothing. */
  #ask(association: OwnedAssociation, sequence: number | undefined): OwnerAnswer | undefined {
    const owner = this.nodes.find(({ node, alive }) => alive && node.bootId === association.owner.bootId);
    return owner?.endpoint.release(association, sequence);
  }

  async client(
    server: TestNode,
    credential: ClientCredential,
    options: Partial<DtlsClientOptions> = {},
  ): Promise<TestClient> {
    const client = await TestClient.open(server.endpoint.port, {
      credential,
      random: randomBytes,
      wallMs,
      ownCidLengthBytes: 0,
      ...options,
    });
    this.clients.push(client);
    return client;
  }

  /** What somebody on the way sends from an address of his own. */
  async sendFromElsewhere(server: TestNode, bytes: Uint8Array): Promise<void> {
    const socket = await openSocket(() => {});
    socket.send(bytes, `127.0.0.1:${server.endpoint.port}`);
    await socket.close();
  }

  /** Records of a Connection ID that nobody has given out: hex of 8 bytes. */
  async sendForged(server: TestNode, cids: readonly string[]): Promise<void> {
    const socket = await openSocket(() => {});
    for (const cid of cids) {
      const head = Buffer.from(`19fefd0001000000000001${cid}0020`, "hex");
      socket.send(Buffer.concat([head, Buffer.alloc(32)]), `127.0.0.1:${server.endpoint.port}`);
    }
    await socket.close();
  }

  async stop(): Promise<void> {
    for (const client of this.clients) await client.stop();
    for (const { endpoint, alive } of this.nodes) if (alive) await endpoint.stop();
  }
}

/** A device's side, on a socket of its own. */
export class TestClient {
  readonly outcomes: DtlsClientOutput[] = [];
  /** Its datagrams. */
  readonly sent: Uint8Array[] = [];
  readonly #driver: MachineDriver<DtlsClientInput>;
  #socket: UdpSocket;
  #server: string;
  /** What is to leave in one datagram. */
  #corked: Uint8Array[] | undefined;

  private constructor(socket: UdpSocket, port: number, options: DtlsClientOptions) {
    this.#socket = socket;
    this.#server = `127.0.0.1:${port}`;
    this.#driver = driveMachine(new DtlsClient(options), (output) => {
      if (output.type !== "send") {
        this.outcomes.push(output);
        return;
      }
      if (this.#corked === undefined) this.#transmit(output.bytes);
      else this.#corked.push(Uint8Array.from(output.bytes));
    });
  }

  #transmit(bytes: Uint8Array): void {
    this.sent.push(Uint8Array.from(bytes));
    this.#socket.send(bytes, this.#server);
  }

  static async open(port: number, options: DtlsClientOptions): Promise<TestClient> {
    const opened: { client?: TestClient } = {};
    const socket = await openSocket((bytes) => opened.client?.receive(bytes));
    opened.client = new TestClient(socket, port, options);
    return opened.client;
  }

  receive(bytes: Uint8Array): void {
    this.#driver.handle({ type: "datagram", bytes });
  }

  /** Connects, and answers what came of it. */
  async connect(session?: ClientSession): Promise<Established | Extract<DtlsClientOutput, { type: "failed" }>> {
    const before = this.outcomes.length;
    this.begin(session);
    const isEnd = ({ type }: DtlsClientOutput): boolean => type === "established" || type === "failed";
    await until(() => this.outcomes.slice(before).some(isEnd));
    return this.outcomes.slice(before).find(isEnd) as Established; // It was waited for.
  }

  /** Starts to connect. */
  begin(session?: ClientSession): void {
    this.#driver.handle({ type: "connect", ...(session === undefined ? {} : { session }) });
  }

  send(text: string): void {
    this.#driver.handle({ type: "send", bytes: Buffer.from(text) });
  }

  /** Sends several in one datagram, each in its own record. */
  sendTogether(texts: readonly string[]): void {
    this.#corked = [];
    for (const text of texts) this.send(text);
    this.#transmit(Buffer.concat(this.#corked));
    this.#corked = undefined;
  }

  /** Sends, and answers what comes back. */
  async ask(text: string): Promise<string> {
    const before = this.outcomes.length;
    this.send(text);
    let answer: string | undefined;
    await until(() => {
      const received = this.outcomes.slice(before).flatMap((one) => (one.type === "received" ? [one.bytes] : []));
      // The echo of something before it may come meanwhile.
      answer = received.map((bytes) => Buffer.from(bytes).toString()).find((one) => one.endsWith(text));
      return answer !== undefined;
    });
    return answer ?? "";
  }

  close(): void {
    this.#driver.handle({ type: "close" });
  }

  /** Goes on from another port, as behind a NAT that forgot. */
  async rebind(): Promise<void> {
    await this.#socket.close();
    this.#socket = await openSocket((bytes) => this.receive(bytes));
  }

  /** The balancer sends it to another node from now on. */
  moveTo({ endpoint }: TestNode): void {
    this.#server = `127.0.0.1:${endpoint.port}`;
  }

  async stop(): Promise<void> {
    this.#driver.stop();
    await this.#socket.close();
  }
}

function openSocket(onDatagram: (bytes: Uint8Array) => void): Promise<UdpSocket> {
  return openUdpSocket({ host: "127.0.0.1", port: 0, receiveBufferBytes: 262_144, onDatagram, onError: () => {} });
}

/** What a node has counted of a metric and its label, such as `lookups_total{outcome="none"}`. */
export async function countOf(node: TestNode, series: string): Promise<number> {
  const line = (await node.metrics()).split("\n").find((one) => one.startsWith(`lwm2m_dtls_${series} `));
  return Number(line?.split(" ")[1] ?? Number.NaN);
}

/** Waits for what comes by itself, bounded by the test's own time. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 2));
}

export const PSK_KEY: Uint8Array = Buffer.from("00112233445566778899aabbccddeeff", "hex");

export function pskCredential(identity: string, key: Uint8Array = PSK_KEY): ClientCredential {
  return { type: "psk", identity: Buffer.from(identity), key: secretKey(key) };
}

export function newPrivateKey(): KeyObject {
  return generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
}
