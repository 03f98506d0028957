import { MemoryBus } from "@ferry/bus/memory";
import { CONTENT_TYPE, lwm2m, TOPICS } from "@ferry/proto";
import { createEpisode, createLogger, createMetrics } from "@ferry/runtime";
import { type DeviceRef, type DeviceState, type NodeEntry, onlySlot, type WaitingRequest } from "@ferry/state";
import { MemoryDeviceStore, MemoryNodeDirectory, MemoryProvisioningStore } from "@ferry/state/memory";
import { RPC_ROUTER_METRICS } from "./metrics.ts";
import type { RouterPorts } from "./ports.ts";
import { ProfileExpiries } from "./profile-expiries.ts";
import { routeRequest } from "./route-requests.ts";

const LEASE_MS = 10_000;
const POLL_MS = 2;
const PATIENCE_MS = 3000;

/** The parts of a router on the memory bus and state, with a clock that stands until it is moved: for tests. */
export class RouterFixture {
  nowMs: number = Date.now();
  readonly bus: MemoryBus = new MemoryBus();
  readonly devices: MemoryDeviceStore;
  readonly nodes: MemoryNodeDirectory = new MemoryNodeDirectory();
  readonly provisioning: MemoryProvisioningStore = new MemoryProvisioningStore();
  readonly ports: RouterPorts;
  /** What was published so far, by topic. */
  readonly responses: lwm2m.v1.RpcResponse[] = [];
  readonly jsonResponses: Record<string, unknown>[] = [];
  readonly progress: lwm2m.v1.RpcStatusRecord[] = [];
  readonly commands: { readonly slot: number; readonly command: lwm2m.v1.NodeCommand }[] = [];
  /** The records of lwm2m.rpc.state.v1; `undefined` is a tombstone. */
  readonly states: { readonly key: string | null; readonly record: lwm2m.v1.RpcStateRecord | undefined }[] = [];
  readonly deadLetters: { readonly key: string | null; readonly reason: string | undefined }[] = [];
  readonly statuses: lwm2m.v1.ProvisioningStatusRecord[] = [];

  readonly #isProvisioned: boolean;

  /** `lost`: its Redis is one that was emptied. `provisioned`: it has all that is provisioned. */
  constructor({ lost = false, provisioned = !lost }: { readonly lost?: boolean; readonly provisioned?: boolean } = {}) {
    this.#isProvisioned = provisioned;
    this.devices = new MemoryDeviceStore({ now: () => this.nowMs, lost });
    const logger = createLogger("test", { level: "silent", format: "json" });
    this.ports = {
      settings: {
        defaultExpiryMs: 10_000,
        maxExpiryMs: 3_600_000,
        answerGraceMs: 2000,
        maxOpen: 9,
        topicPrefix: "",
      },
      bus: this.bus,
      sender: this.bus.sender({ name: "rpc-router", lingerMs: 0 }),
      devices: this.devices,
      nodes: this.nodes,
      provisioning: this.provisioning,
      profileExpiries: new ProfileExpiries(),
      nodeName: "router-0",
      clock: () => this.nowMs,
      metrics: createMetrics({ process: false }).register(RPC_ROUTER_METRICS),
      outage: createEpisode(logger, { failed: "away", healed: "back" }),
      logger,
      failpoint: () => {},
    };
  }

  async start(): Promise<void> {
    if (this.#isProvisioned) await this.provisioning.setPosition(0);
    await this.bus.ensureTopics(Object.values(TOPICS), "create");
    this.#collect("rpcResponse", ({ value, headers }) => {
      if (headers["content-type"] === CONTENT_TYPE.json)
        this.jsonResponses.push(JSON.parse(Buffer.from(value).toString()));
      else this.responses.push(lwm2m.v1.RpcResponse.decode(value));
    });
    this.#collect("rpcStatus", ({ value }) => this.progress.push(lwm2m.v1.RpcStatusRecord.decode(value)));
    this.#collect("rpcState", ({ key, value }) =>
      this.states.push({ key, record: value.length === 0 ? undefined : lwm2m.v1.RpcStateRecord.decode(value) }),
    );
    this.#collect("nodeCommand", ({ partition, value }) =>
      this.commands.push({ slot: partition, command: lwm2m.v1.NodeCommand.decode(value) }),
    );
    this.#collect("deadLetter", ({ key, headers }) => this.deadLetters.push({ key, reason: headers["dlq-reason"] }));
    this.#collect("provisioningStatus", ({ value }) =>
      this.statuses.push(lwm2m.v1.ProvisioningStatusRecord.decode(value)),
    );
  }

  #collect(
    topic: keyof typeof TOPICS,
    take: (record: {
      readonly key: string | null;
      readonly partition: number;
      readonly value: Uint8Array;
      readonly headers: Readonly<Record<string, string>>;
    }) => void,
  ): void {
    this.bus.subscribe({
      type: "reader",
      topic: TOPICS[topic].name,
      from: "latest",
      handle: ({ key, partition, value, headers }) =>
        take({ key, partition, value: value ?? new Uint8Array(), headers }),
    });
  }

  /** Routes the requests that are published from now on. Their records are stamped with the fixture's clock. */
  routeRequests(): void {
    this.bus.subscribe({
      type: "group",
      groupId: "rpc-router",
      topics: [TOPICS.rpcRequest.name],
      handle: (record) => routeRequest({ ...record, timestampMs: this.nowMs }, () => {}, this.ports),
    });
  }

  stop(): Promise<void> {
    return this.bus.stop();
  }

  /** A transport node that holds a slot. */
  async node(slot: number, bootId: string): Promise<NodeEntry> {
    const entry = {
      slot,
      bootId,
      name: `n${slot}`,
      address: `n${slot}:9464`,
      version: "0.1.0",
      draining: false,
      ready: true,
    };
    const leased = await this.nodes.lease(entry, onlySlot(slot), LEASE_MS);
    return leased ?? entry;
  }

  /** A device that is registered with a node. */
  async register(endpoint: string, node: NodeEntry): Promise<DeviceState> {
    const outcome = await this.devices.register({
      registration: {
        tenant: "default",
        endpoint,
        registrationId: `id-${endpoint}`.padEnd(14, "-").slice(0, 14),
        lifetimeS: 3600,
        lwm2mVersion: "1.1",
        bindingMode: "U",
        queueMode: false,
        objectLinks: "</3/0>",
        profile: "quickstart",
        securityMode: "NO_SEC",
        peer: "192.0.2.1:5683",
      },
      digest: `${endpoint} ${this.nowMs}`,
      node: { slot: node.slot, bootId: node.bootId },
      nowMs: this.nowMs,
    });
    return outcome.state;
  }

  /** What waits for a device that few requests wait for. */
  async openRequests(device: DeviceRef): Promise<readonly WaitingRequest[]> {
    return (await this.devices.openRequests({ device, limit: 100 })).requests;
  }

  /** Publishes a request, as JSON unless it is bytes. */
  publishRequest(
    key: string,
    value: object | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const bytes = value instanceof Uint8Array ? value : Buffer.from(JSON.stringify(value));
    return this.ports.sender.publish({ topic: TOPICS.rpcRequest.name, key, value: bytes, headers });
  }

  /** Resolves once `isSo`; rejects when that takes too long. */
  async until(isSo: () => boolean): Promise<void> {
    const deadlineMs = Date.now() + PATIENCE_MS;
    while (!isSo()) {
      if (Date.now() > deadlineMs) throw new RangeError(`not so within ${PATIENCE_MS} ms: ${isSo}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Lets what is under way come to its end: in turns of the event loop, of which one wait has few where the machine is busy. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
