import { randomUUID } from "node:crypto";
import { type Bus, type IncomingRecord, type Running, readTable, type Sender } from "@ferry/bus";
import {
  attributeUpdateKey,
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  decodeMessage,
  deviceKey,
  type lwm2m,
  parseAttributeUpdate,
  TOPICS,
  toSafeNumber,
} from "@ferry/proto";
import {
  applyDocuments,
  DEFAULT_TENANT,
  deleteRecords,
  diffRecords,
  formatDocument,
  type ProvisioningDocument,
  type PublishOptions,
  type PublishOutcome,
  type RecordChange,
  readCurrent,
  type SealingKeys,
} from "@ferry/provisioning";
import { type BootstrapSummary, type RecordRef, summariseBootstrap } from "@ferry/state";
import { InvalidValueError, NoAnswerError } from "./errors.ts";
import type {
  DeclaredDocument,
  DesiredValue,
  DeviceDetails,
  DeviceSummary,
  FerryClient,
  RpcAnswer,
  RpcCall,
  Stream,
  TailOptions,
} from "./ferry-client.ts";
import { deliver, toStreamRecord } from "./stream-record.ts";

/** How long after its expiry an answer is waited for: the router says EXPIRED or TIMEOUT itself. */
const ANSWER_GRACE_MS = 3_000;
/** How long nothing may happen while documents are applied. */
const APPLY_TIMEOUT_MS = 15_000;

/** What a client on the bus may be given. */
export interface BusClientOptions {
  /** Opens sealed secrets where declarations are compared; without them each counts as changed. */
  readonly sealingKeys?: SealingKeys;
}

/** Speaks to a running Ferry over the bus alone. */
export class BusClient implements FerryClient {
  readonly #bus: Bus;
  readonly #topicPrefix: string;
  readonly #options: BusClientOptions;
  readonly #sender: Sender;
  readonly #waiting = new Map<string, (answer: RpcAnswer) => void>();
  #answers: Running | undefined;

  constructor(bus: Bus, topicPrefix = "", options: BusClientOptions = {}) {
    this.#bus = bus;
    this.#topicPrefix = topicPrefix;
    this.#options = options;
    this.#sender = bus.sender({ name: "client", lingerMs: 0 });
  }

  async rpc({ endpoint, tenant = DEFAULT_TENANT, timeoutMs, ...asked }: RpcCall): Promise<RpcAnswer> {
    const requestId = randomUUID();
    const request = { requestId, tenant, endpoint, ...asked, expiresAtMs: Date.now() + timeoutMs };
    const { promise, resolve, reject } = Promise.withResolvers<RpcAnswer>();
    const overdue = `no answer within ${timeoutMs + ANSWER_GRACE_MS} ms: is an rpc-router running?`;
    const timer = setTimeout(() => reject(new NoAnswerError(overdue)), timeoutMs + ANSWER_GRACE_MS);
    this.#waiting.set(requestId, resolve);
    const send = async (): Promise<void> => {
      await this.#listen();
      await this.#sender.publish({
        topic: this.#topic("rpcRequest"),
        key: deviceKey(tenant, endpoint),
        value: Buffer.from(JSON.stringify(request)),
        headers: { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.json },
      });
    };
    send().catch(reject);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(requestId);
    }
  }

  async desire({ endpoint, tenant = DEFAULT_TENANT, key, value }: DesiredValue): Promise<void> {
    if (scalarsOf(value).some(mayBeRounded)) {
      throw new InvalidValueError("value has a number beyond 2^53, whose digits JavaScript rounds: write it as text");
    }
    const recordKey = attributeUpdateKey(tenant, endpoint, key);
    const record = value === null ? null : Buffer.from(JSON.stringify({ value }));
    const parsed = parseAttributeUpdate(record, CONTENT_TYPE.json, recordKey);
    if (parsed.type === "invalid") throw new InvalidValueError(`${parsed.field} ${parsed.reason}`.trimStart());
    if (parsed.key !== key || parsed.endpoint !== endpoint) throw new InvalidValueError("key must not contain a /");
    await this.#require("attributeUpdate");
    await this.#sender.publish({
      topic: this.#topic("attributeUpdate"),
      key: recordKey,
      value: record,
      headers: record === null ? {} : { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.json },
    });
  }

  async devices(tenant?: string): Promise<readonly DeviceSummary[]> {
    await this.#require("deviceState");
    const table = await readTable(this.#bus, this.#topic("deviceState"));
    return [...table.values()]
      .map(
        ({ value, headers }) =>
          value && decodeMessage(TOPICS.deviceState.type, value, headers[CONTENT_TYPE_HEADER])?.registration,
      )
      .filter((registration) => registration != null)
      .map(toSummary)
      .filter((device) => tenant === undefined || device.tenant === tenant)
      .sort((a, b) => a.tenant.localeCompare(b.tenant) || a.endpoint.localeCompare(b.endpoint));
  }

  async device(endpoint: string, tenant: string = DEFAULT_TENANT): Promise<DeviceDetails | undefined> {
    await this.#require("deviceState");
    const key = deviceKey(tenant, endpoint);
    const table = await readTable(this.#bus, this.#topic("deviceState"), { keep: (one) => one === key });
    const { value, headers } = table.get(key) ?? {};
    const state = value && decodeMessage(TOPICS.deviceState.type, value, headers?.[CONTENT_TYPE_HEADER]);
    return state?.registration ? toDetails(state, state.registration) : undefined;
  }

  async bootstrap(endpoint: string, tenant: string = DEFAULT_TENANT): Promise<BootstrapSummary | undefined> {
    await this.#require("bootstrap");
    const key = deviceKey(tenant, endpoint);
    let last: BootstrapSummary | undefined;
    const onRecord = ({ value, headers }: IncomingRecord): void => {
      const record = value && decodeMessage(TOPICS.bootstrap.type, value, headers[CONTENT_TYPE_HEADER]);
      if (record) last = summariseBootstrap(last, record);
    };
    await readTable(this.#bus, this.#topic("bootstrap"), { keep: (one) => one === key, onRecord });
    return last;
  }

  async tail(stream: Stream, { from, tenant, endpoint, signal, onRecord, onReady }: TailOptions): Promise<void> {
    await this.#require(stream);
    const running = this.#bus.subscribe({
      type: "reader",
      topic: this.#topic(stream),
      from,
      handle: (record) => {
        if (!concerns(record.key ?? "", tenant, endpoint)) return;
        const read = toStreamRecord(stream, record);
        if (read !== undefined) deliver(read, onRecord);
      },
    });
    const aborted = new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    await Promise.race([running.ready, aborted]);
    if (!signal.aborted) {
      onReady?.();
      await aborted;
    }
    await running.stop();
  }

  async apply(
    documents: readonly ProvisioningDocument[],
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]> {
    await this.#require("provisioning");
    return applyDocuments(this.#bus, documents, this.#publishOptions(onOutcome));
  }

  async remove(
    records: readonly RecordRef[],
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]> {
    await this.#require("provisioning");
    return deleteRecords(this.#bus, records, this.#publishOptions(onOutcome));
  }

  async get(kind?: RecordRef["kind"]): Promise<readonly DeclaredDocument[]> {
    const current = await this.#current();
    return current
      .filter((record) => kind === undefined || record.kind === kind)
      .map((record) => ({ kind: record.kind, tenant: record.tenant, id: record.id, yaml: formatDocument(record) }));
  }

  async diff(documents: readonly ProvisioningDocument[]): Promise<readonly RecordChange[]> {
    return diffRecords(await this.#current(), documents, this.#options);
  }

  async stop(): Promise<void> {
    await this.#answers?.stop();
  }

  async #current(): ReturnType<typeof readCurrent> {
    await this.#require("provisioning");
    return readCurrent(this.#bus, { topicPrefix: this.#topicPrefix });
  }

  /**
   * A subscription waits for its topic however long that takes; who asks wants to be told.
   *
   * @throws {BusUnavailableError} the bus cannot be reached, or does not have the topic
   */
  async #require(id: keyof typeof TOPICS): Promise<void> {
    await this.#bus.endOffsets(this.#topic(id));
  }

  /** Answers are read from the first request on: whoever asks must listen before. */
  async #listen(): Promise<void> {
    if (this.#answers === undefined) await this.#require("rpcResponse");
    this.#answers ??= this.#bus.subscribe({
      type: "reader",
      topic: this.#topic("rpcResponse"),
      from: "latest",
      handle: (record) => this.#answered(record),
    });
    await this.#answers.ready;
  }

  #answered(record: IncomingRecord): void {
    const answer = toStreamRecord("rpcResponse", record)?.value as RpcAnswer | undefined;
    if (answer !== undefined) this.#waiting.get(answer.requestId)?.(answer);
  }

  #publishOptions(onOutcome: (outcome: PublishOutcome) => void): PublishOptions {
    return { timeoutMs: APPLY_TIMEOUT_MS, topicPrefix: this.#topicPrefix, sender: this.#sender, onOutcome };
  }

  #topic(id: keyof typeof TOPICS): string {
    return this.#topicPrefix + TOPICS[id].name;
  }
}

/** A value, or those of its Resource Instances. */
function scalarsOf(value: DesiredValue["value"]): readonly unknown[] {
  return typeof value === "object" && value !== null ? Object.values(value) : [value];
}

function mayBeRounded(scalar: unknown): boolean {
  return Number.isInteger(scalar) && !Number.isSafeInteger(scalar);
}

function toSummary(registration: lwm2m.v1.Registration.$Properties): DeviceSummary {
  return {
    tenant: registration.tenant ?? "",
    endpoint: registration.endpoint ?? "",
    registrationId: registration.registrationId ?? "",
    lwm2mVersion: registration.lwm2mVersion ?? "",
    profile: registration.profile ?? "",
    peer: registration.peer ?? "",
    lifetimeS: registration.lifetimeS ?? 0,
    registeredAtMs: toSafeNumber(registration.registeredAtMs),
    securityMode: securityMode(registration.securityMode),
  };
}

/** What an older release did not say was without security. */
function securityMode(text: string | null | undefined): DeviceSummary["securityMode"] {
  return text === "PSK" || text === "RPK" || text === "X509" ? text : "NO_SEC";
}

function toDetails(
  { context, observations, association }: lwm2m.v1.DeviceStateRecord.$Properties,
  registration: lwm2m.v1.Registration.$Properties,
): DeviceDetails {
  return {
    ...toSummary(registration),
    bindingMode: registration.bindingMode ?? "",
    queueMode: registration.queueMode ?? false,
    objectLinks: registration.objectLinks ?? "",
    observations: (observations ?? []).filter(({ cancelled }) => !cancelled).map(({ paths }) => paths ?? []),
    node: context?.node ?? "",
    toldAtMs: toSafeNumber(context?.ingestTimeMs),
    ...(association
      ? {
          association: {
            suite: association.suite ?? "",
            hasCid: association.hasCid ?? false,
            createdAtMs: toSafeNumber(association.createdAtMs),
          },
        }
      : {}),
  };
}

/** Whether a record's key `tenant/endpoint` is of a tenant and a device; undefined is any. */
function concerns(key: string, tenant: string | undefined, endpoint: string | undefined): boolean {
  const slash = key.indexOf("/");
  return (
    (tenant === undefined || key.slice(0, slash) === tenant) &&
    (endpoint === undefined || key.slice(slash + 1) === endpoint)
  );
}
