import { lwm2m } from "../generated/lwm2m.js";

const { v1 } = lwm2m;

/** How long records of a topic are kept: by age, by key, or as the broker's default says. */
export type Cleanup = "delete" | "compact";

/** How a topic of the contract is called and laid out on the broker. */
export interface TopicLayout {
  /** Name without prefix, such as `lwm2m.telemetry.v1`. */
  readonly name: string;
  readonly cleanup: Cleanup;
  /** Partitions that `topics create` makes; a fixed number is verified exactly, for other topics it is a minimum of one. */
  readonly partitions: number;
  readonly partitionsFixed: boolean;
  /** `retention.ms` for `delete` topics; undefined leaves the broker's default. */
  readonly retentionMs?: number;
  /** `min.compaction.lag.ms` for `compact` topics: how long a record stays that a later one of its key follows; undefined leaves the broker's default. */
  readonly minCompactionLagMs?: number;
}

/** A topic of the contract whose values are messages of one type. */
export interface Topic<Message> extends TopicLayout {
  readonly type: MessageType<Message>;
}

/** What protobufjs generates for a message; `toJsonValue` and `fromJsonValue` build on it. */
export interface MessageType<Message> {
  encode(message: Message): { finish(): Uint8Array };
  decode(bytes: Uint8Array): Message;
  fromObject(object: { [key: string]: unknown }): Message;
  toObject(message: Message, options?: object): { [key: string]: unknown };
}

const HOUR_MS = 3_600_000;

/** Every topic of the contract, by the name that code uses. */
export interface Topics {
  readonly telemetry: Topic<lwm2m.v1.TelemetryRecord.$Properties>;
  readonly attributes: Topic<lwm2m.v1.AttributesRecord.$Properties>;
  readonly lifecycle: Topic<lwm2m.v1.LifecycleRecord.$Properties>;
  readonly rpcRequest: Topic<lwm2m.v1.RpcRequest.$Properties>;
  readonly rpcResponse: Topic<lwm2m.v1.RpcResponse.$Properties>;
  readonly rpcStatus: Topic<lwm2m.v1.RpcStatusRecord.$Properties>;
  readonly rpcState: Topic<lwm2m.v1.RpcStateRecord.$Properties>;
  readonly attributeUpdate: Topic<lwm2m.v1.AttributeUpdate.$Properties>;
  readonly bootstrap: Topic<lwm2m.v1.BootstrapRecord.$Properties>;
  readonly deviceState: Topic<lwm2m.v1.DeviceStateRecord.$Properties>;
  readonly provisioning: Topic<lwm2m.v1.ProvisioningRecord.$Properties>;
  readonly provisioningStatus: Topic<lwm2m.v1.ProvisioningStatusRecord.$Properties>;
  readonly nodeCommand: Topic<lwm2m.v1.NodeCommand.$Properties>;
  /** Its values are somebody else's bytes. */
  readonly deadLetter: TopicLayout;
}

/** The topics of the contract. Names on the broker have the configured prefix in front. */
export const TOPICS: Topics = {
  telemetry: topic("lwm2m.telemetry.v1", "delete", 12, v1.TelemetryRecord),
  attributes: topic("lwm2m.attributes.v1", "delete", 12, v1.AttributesRecord),
  lifecycle: topic("lwm2m.lifecycle.v1", "delete", 12, v1.LifecycleRecord),
  rpcRequest: topic("lwm2m.rpc.request.v1", "delete", 12, v1.RpcRequest),
  rpcResponse: topic("lwm2m.rpc.response.v1", "delete", 12, v1.RpcResponse),
  rpcStatus: topic("lwm2m.rpc.status.v1", "delete", 12, v1.RpcStatusRecord),
  // That a request was DISPATCHED counts though ACCEPTED follows: long enough to be read by who restores a lost Redis.
  rpcState: topic("lwm2m.rpc.state.v1", "compact", 12, v1.RpcStateRecord, { minCompactionLagMs: HOUR_MS }),
  attributeUpdate: topic("lwm2m.attribute.update.v1", "compact", 12, v1.AttributeUpdate),
  bootstrap: topic("lwm2m.bootstrap.v1", "delete", 12, v1.BootstrapRecord),
  deviceState: topic("lwm2m.device-state.v1", "compact", 12, v1.DeviceStateRecord),
  provisioning: topic("lwm2m.provisioning.v1", "compact", 1, v1.ProvisioningRecord, { partitionsFixed: true }),
  provisioningStatus: topic("lwm2m.provisioning.status.v1", "delete", 1, v1.ProvisioningStatusRecord),
  nodeCommand: topic("lwm2m.node-command.v1", "delete", 64, v1.NodeCommand, {
    partitionsFixed: true,
    retentionMs: HOUR_MS,
  }),
  deadLetter: {
    name: "lwm2m.dead-letter.v1",
    cleanup: "delete",
    partitions: 3,
    partitionsFixed: false,
  },
};

/** Name of a topic in code. */
export type TopicId = keyof Topics;

function topic<Message>(
  name: string,
  cleanup: Cleanup,
  partitions: number,
  type: unknown,
  extra: Partial<Pick<TopicLayout, "partitionsFixed" | "retentionMs" | "minCompactionLagMs">> = {},
): Topic<Message> {
  // The generated classes match MessageType but for protobufjs' own class types in `toObject`.
  return { name, cleanup, partitions, partitionsFixed: false, type: type as MessageType<Message>, ...extra };
}

/** Key of a device's records: `tenant/endpoint`. */
export function deviceKey(tenant: string, endpoint: string): string {
  return `${tenant}/${endpoint}`;
}

/** Key of a desired value: `tenant/endpoint/key`; the key name is what follows the last slash. */
export function attributeUpdateKey(tenant: string, endpoint: string, key: string): string {
  return `${tenant}/${endpoint}/${key}`;
}

/** Key of a request's state: request ids belong to a device, and the last slash precedes the request id. */
export function rpcStateKey(tenant: string, endpoint: string, requestId: string): string {
  return `${tenant}/${endpoint}/${encodeURIComponent(requestId)}`;
}

/** Key of a provisioning record: `kind/tenant/id`. The id may hold slashes; kind and tenant may not. */
export function provisioningKey(kind: ProvisioningKind, tenant: string, id: string): string {
  return `${kind}/${tenant}/${id}`;
}

/** Kinds of provisioning records. */
export type ProvisioningKind = "model" | "profile" | "device" | "credential";

const KINDS: ReadonlySet<string> = new Set(["model", "profile", "device", "credential"]);

/** Takes a provisioning key apart; `undefined` when it is not one. */
export function parseProvisioningKey(key: string): { kind: ProvisioningKind; tenant: string; id: string } | undefined {
  const first = key.indexOf("/");
  const second = key.indexOf("/", first + 1);
  if (first <= 0 || second <= first + 1 || second === key.length - 1) return undefined;
  const kind = key.slice(0, first);
  if (!KINDS.has(kind)) return undefined;
  return { kind: kind as ProvisioningKind, tenant: key.slice(first + 1, second), id: key.slice(second + 1) };
}
