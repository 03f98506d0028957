import { setImmediate } from "node:timers/promises";
import type { Bus, IncomingRecord, Sender } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, deviceKey, lwm2m, parseProvisioningKey, TOPICS } from "@ferry/proto";
import { type DeviceRef, summariseBootstrap } from "@ferry/state";
import { MemoryBootstrapStore } from "@ferry/state/memory";

/** Prefix of the topics: clients must honour it. */
export const TOPIC_PREFIX = "plant-a.";

/** What stands on the other side of the bus: answers requests and declarations by fixed rules. */
export class Responder {
  readonly #bus: Bus;
  readonly #sender: Sender;
  readonly requests: Record<string, unknown>[] = [];
  /** Where the last bootstrap of each device is remembered. */
  readonly bootstraps: MemoryBootstrapStore = new MemoryBootstrapStore(Date.now);
  /** Desired values: key and text of each record. */
  readonly desired: [string, string | undefined][] = [];

  constructor(bus: Bus) {
    this.#bus = bus;
    this.#sender = bus.sender({ name: "responder", lingerMs: 0 });
  }

  async start(): Promise<void> {
    const layouts = Object.values(TOPICS).map((topic) => ({ ...topic, name: TOPIC_PREFIX + topic.name }));
    await this.#bus.ensureTopics(layouts, "create");
    const groupId = "responder";
    const desired = TOPIC_PREFIX + TOPICS.attributeUpdate.name;
    const [rpc, provisioning] = [TOPIC_PREFIX + TOPICS.rpcRequest.name, TOPIC_PREFIX + TOPICS.provisioning.name];
    await Promise.all([
      this.#bus.subscribe({ type: "group", groupId, topics: [rpc], handle: (record) => this.#answer(record) }).ready,
      this.#bus.subscribe({ type: "reader", topic: desired, from: "latest", handle: (it) => this.#note(it) }).ready,
      this.#bus.subscribe({ type: "reader", topic: provisioning, from: "latest", handle: (it) => this.#judge(it) })
        .ready,
    ]);
  }

  publish(
    topic: keyof typeof TOPICS,
    key: string,
    value: Uint8Array | null,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    return this.#sender.publish({ topic: TOPIC_PREFIX + TOPICS[topic].name, key, value, headers });
  }

  /** Makes a device registered. */
  register(
    tenant: string,
    endpoint: string,
    more: Omit<lwm2m.v1.DeviceStateRecord.$Properties, "registration"> = {},
    securityMode = "NO_SEC",
  ): Promise<void> {
    const registration = {
      securityMode,
      tenant,
      endpoint,
      registrationId: `id-${endpoint}`,
      lwm2mVersion: "1.1",
      profile: "meter",
      peer: "192.0.2.1:5683",
      lifetimeS: 300,
      registeredAtMs: 1_700_000_000_000,
    };
    const value = lwm2m.v1.DeviceStateRecord.encode({ ...more, registration }).finish();
    return this.publish("deviceState", deviceKey(tenant, endpoint), value);
  }

  /** Tells a step of a bootstrap as the service does: on the bus, and to the store. */
  async bootstrap(device: DeviceRef, record: lwm2m.v1.BootstrapRecord.$Properties): Promise<void> {
    const { tenant, endpoint } = device;
    await this.publish("bootstrap", deviceKey(tenant, endpoint), lwm2m.v1.BootstrapRecord.encode(record).finish());
    await this.bootstraps.put(device, summariseBootstrap(await this.bootstraps.get(device), record));
  }

  /** Nobody answers for `silent`; only devices with other names than `offline` are registered. */
  async #answer({ value }: IncomingRecord): Promise<void> {
    const request = JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, string>;
    this.requests.push(request);
    const { requestId, tenant = "", endpoint = "" } = request;
    if (endpoint === "silent") return;
    const outcome =
      endpoint === "offline"
        ? { status: "NOT_REGISTERED", error: "The device is not registered" }
        : { status: "SUCCESSFUL", result: "CONTENT", value: `value of ${endpoint}` };
    await this.#sender.publish({
      topic: TOPIC_PREFIX + TOPICS.rpcResponse.name,
      key: deviceKey(tenant, endpoint),
      value: Buffer.from(JSON.stringify({ requestId, tenant, endpoint, ...outcome })),
      headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.json },
    });
  }

  #note({ key, value }: IncomingRecord): void {
    this.desired.push([key ?? "", value === null ? undefined : Buffer.from(value).toString()]);
  }

  /** The desired values, once there are so many. */
  async desiredAfter(count: number): Promise<Responder["desired"]> {
    while (this.desired.length < count) await setImmediate();
    return this.desired;
  }

  /** Applies everything but what is called `bad`. */
  async #judge({ key, value }: IncomingRecord): Promise<void> {
    const named = parseProvisioningKey(key ?? "");
    if (named === undefined) return;
    const { PROVISIONING_OUTCOME_APPLIED, PROVISIONING_OUTCOME_REJECTED, PROVISIONING_OUTCOME_DELETED } =
      lwm2m.v1.ProvisioningOutcome;
    const judgement =
      value === null
        ? { outcome: PROVISIONING_OUTCOME_DELETED }
        : named.id === "bad"
          ? { outcome: PROVISIONING_OUTCOME_REJECTED, field: "profile", reason: "there is no profile nothing" }
          : { outcome: PROVISIONING_OUTCOME_APPLIED };
    const revision = value === null ? "" : lwm2m.v1.ProvisioningRecord.decode(value).revision;
    const status = lwm2m.v1.ProvisioningStatusRecord.encode({ ...named, revision, ...judgement }).finish();
    await this.publish("provisioningStatus", key ?? "", status);
  }
}
