import { randomUUID } from "node:crypto";
import type { Sender } from "@ferry/bus";
import {
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  type ContentType,
  deviceKey,
  encodeMessage,
  type lwm2m,
  rpcStateKey,
  TOPICS,
  type Topic,
} from "@ferry/proto";
import { credentialDocument, type DeviceCredential, toProvisioningRecord } from "@ferry/provisioning";
import type { DeviceRef, NodeRef, Owner, Registration } from "@ferry/state";

/** Protobuf shapes of what is written. */
type Context = lwm2m.v1.RecordContext.$Properties;
type Shape<T> = Omit<T, "context">;

/** What names a record: who it is about and what makes it the same on every node. */
export interface RecordHead extends DeviceRef {
  readonly registrationId: string;
  readonly ownerEpoch: number;
  readonly sequence: number;
  readonly eventId: Uint8Array;
  readonly ingestTimeMs: number;
}

/** Whom a record is about: a device that is owned, or seen in passing. */
export interface RecordSubject {
  readonly registration: Registration;
  readonly owner: Owner;
  /** Counts the records of the device under its epoch, from 1; 0 where the writer is not the owner. */
  nextSequence(): number;
}

/** Head of the next record about a device. */
export function nextHead(device: RecordSubject, eventId: Uint8Array, ingestTimeMs: number): RecordHead {
  const { tenant, endpoint, registrationId } = device.registration;
  return {
    tenant,
    endpoint,
    registrationId,
    ownerEpoch: device.owner.epoch,
    sequence: device.nextSequence(),
    eventId,
    ingestTimeMs,
  };
}

/** Writes this node's records to their topics: the one place that knows names, keys, headers and encodings. */
export class RecordWriter {
  readonly #values: Sender;
  readonly #answers: Sender;
  readonly #node: NodeRef;
  readonly #nodeName: string;
  readonly #topicPrefix: string;
  readonly #contentType: ContentType;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(parts: {
    /** Gathers for some ms: telemetry, attributes, lifecycle. */
    readonly values: Sender;
    /** Sends at once: answers, their progress, commands to other nodes. */
    readonly answers: Sender;
    readonly node: NodeRef;
    readonly nodeName: string;
    readonly topicPrefix: string;
    readonly contentType: ContentType;
  }) {
    this.#values = parts.values;
    this.#answers = parts.answers;
    this.#node = parts.node;
    this.#nodeName = parts.nodeName;
    this.#topicPrefix = parts.topicPrefix;
    this.#contentType = parts.contentType;
    this.#headers = { [CONTENT_TYPE_HEADER]: parts.contentType };
  }

  telemetry(head: RecordHead, record: Shape<lwm2m.v1.TelemetryRecord.$Properties>): Promise<void> {
    return this.#publish(this.#values, TOPICS.telemetry, head, record);
  }

  attributes(head: RecordHead, record: Shape<lwm2m.v1.AttributesRecord.$Properties>): Promise<void> {
    return this.#publish(this.#values, TOPICS.attributes, head, record);
  }

  lifecycle(head: RecordHead, record: Shape<lwm2m.v1.LifecycleRecord.$Properties>): Promise<void> {
    return this.#publish(this.#values, TOPICS.lifecycle, head, record);
  }

  /** A lifecycle record that the state store wrote. */
  storedLifecycle(record: lwm2m.v1.LifecycleRecord.$Properties, device: DeviceRef): Promise<void> {
    return this.#values.publish({
      topic: this.#name(TOPICS.lifecycle),
      key: deviceKey(device.tenant, device.endpoint),
      value: encodeMessage(TOPICS.lifecycle.type, record, this.#contentType),
      headers: this.#headers,
    });
  }

  /** The current registration; `undefined` writes the tombstone. */
  deviceState(device: DeviceRef, given: lwm2m.v1.DeviceStateRecord.$Properties | undefined): Promise<void> {
    const record = given && { ...given, context: { ...given.context, node: this.#nodeName } };
    return this.#values.publish({
      topic: this.#name(TOPICS.deviceState),
      key: deviceKey(device.tenant, device.endpoint),
      value: record === undefined ? null : encodeMessage(TOPICS.deviceState.type, record, this.#contentType),
      headers: this.#headers,
    });
  }

  /** A credential that Ferry made for a device, and that alone. */
  credential(device: DeviceRef, credential: DeviceCredential): Promise<void> {
    const document = credentialDocument(device, credential, []);
    return this.#answers.publish(toProvisioningRecord(document, randomUUID(), this.#topicPrefix));
  }

  /** A final answer, as `finish` stored it: the same bytes from whoever relays it. */
  response(device: DeviceRef, value: Uint8Array, contentType: string): Promise<void> {
    return this.#answers.publish({
      topic: this.#name(TOPICS.rpcResponse),
      key: deviceKey(device.tenant, device.endpoint),
      value,
      headers: { [CONTENT_TYPE_HEADER]: contentType },
    });
  }

  /** How far a request is, so that a lost Redis can be rebuilt; `undefined` writes the tombstone. */
  rpcState(
    { tenant, endpoint }: DeviceRef,
    requestId: string,
    record: lwm2m.v1.RpcStateRecord.$Properties | undefined,
  ): Promise<void> {
    return this.#answers.publish({
      topic: this.#name(TOPICS.rpcState),
      key: rpcStateKey(tenant, endpoint, requestId),
      value: record === undefined ? null : encodeMessage(TOPICS.rpcState.type, record, CONTENT_TYPE.protobuf),
    });
  }

  status(head: RecordHead, record: Shape<lwm2m.v1.RpcStatusRecord.$Properties>): Promise<void> {
    return this.#publish(this.#answers, TOPICS.rpcStatus, head, record);
  }

  /** A command to the node at `slot`. */
  command(slot: number, command: lwm2m.v1.NodeCommand.$Properties): Promise<void> {
    return this.#answers.publish({
      topic: this.#name(TOPICS.nodeCommand),
      key: null,
      partition: slot,
      value: encodeMessage(TOPICS.nodeCommand.type, command, CONTENT_TYPE.protobuf),
    });
  }

  #publish<Message extends { context?: Context | null }>(
    sender: Sender,
    topic: Topic<Message>,
    head: RecordHead,
    record: Omit<Message, "context">,
  ): Promise<void> {
    const context: Context = {
      eventId: head.eventId,
      tenant: head.tenant,
      endpoint: head.endpoint,
      registrationId: head.registrationId,
      ownerEpoch: head.ownerEpoch,
      sequence: head.sequence,
      node: this.#nodeName,
      bootId: this.#node.bootId,
      ingestTimeMs: head.ingestTimeMs,
    };
    const value = encodeMessage(topic.type, { ...record, context } as Message, this.#contentType);
    return sender.publish({
      topic: this.#name(topic),
      key: deviceKey(head.tenant, head.endpoint),
      value,
      headers: this.#headers,
    });
  }

  #name(topic: { readonly name: string }): string {
    return this.#topicPrefix + topic.name;
  }
}
