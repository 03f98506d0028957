import { randomUUID } from "node:crypto";
import type { Sender } from "@ferry/bus";
import {
  type AttributeValues,
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  type ContentType,
  deviceKey,
  encodeAttributes,
  encodeMessage,
  encodeTelemetry,
  type lwm2m,
  type RecordContext,
  rpcStateKey,
  type TelemetryValues,
  TOPICS,
  type Topic,
} from "@ferry/proto";
import { credentialDocument, type DeviceCredential, toProvisioningRecord } from "@ferry/provisioning";
import type { DeviceRef, NodeRef, Owner, Registration } from "@ferry/state";

/** What is written, before its context. */
type Shape<T> = Omit<T, "context">;

/** What names a record: who it is about and what makes it the same on every node. */
export type RecordHead = Omit<RecordContext, "node" | "bootId">;

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

  telemetry(head: RecordHead, { samples, source, stale }: Shape<TelemetryValues>): Promise<void> {
    const record = { context: this.#context(head), samples, source, stale };
    return this.#send(this.#values, TOPICS.telemetry, head, encodeTelemetry(record, this.#contentType));
  }

  attributes(head: RecordHead, { attributes, source }: Shape<AttributeValues>): Promise<void> {
    const record = { context: this.#context(head), attributes, source };
    return this.#send(this.#values, TOPICS.attributes, head, encodeAttributes(record, this.#contentType));
  }

  lifecycle(head: RecordHead, record: Shape<lwm2m.v1.LifecycleRecord.$Properties>): Promise<void> {
    return this.#publish(this.#values, TOPICS.lifecycle, head, record);
  }

  /** A lifecycle record that the state store wrote. */
  storedLifecycle(record: lwm2m.v1.LifecycleRecord.$Properties, device: DeviceRef): Promise<void> {
    const value = encodeMessage(TOPICS.lifecycle.type, record, this.#contentType);
    return this.#send(this.#values, TOPICS.lifecycle, device, value);
  }

  /** The current registration; `undefined` writes the tombstone. */
  deviceState(device: DeviceRef, given: lwm2m.v1.DeviceStateRecord.$Properties | undefined): Promise<void> {
    const record = given && { ...given, context: { ...given.context, node: this.#nodeName } };
    const value = record === undefined ? null : encodeMessage(TOPICS.deviceState.type, record, this.#contentType);
    return this.#send(this.#values, TOPICS.deviceState, device, value);
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

  #publish<Message extends { context?: lwm2m.v1.RecordContext.$Properties | null }>(
    sender: Sender,
    topic: Topic<Message>,
    head: RecordHead,
    record: Shape<Message>,
  ): Promise<void> {
    const message = { ...record, context: this.#context(head) } as Message;
    return this.#send(sender, topic, head, encodeMessage(topic.type, message, this.#contentType));
  }

  #context(head: RecordHead): RecordContext {
    return {
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
  }

  #send(sender: Sender, topic: { readonly name: string }, device: DeviceRef, value: Uint8Array | null): Promise<void> {
    return sender.publish({
      topic: this.#name(topic),
      key: deviceKey(device.tenant, device.endpoint),
      value,
      headers: this.#headers,
    });
  }

  #name(topic: { readonly name: string }): string {
    return this.#topicPrefix + topic.name;
  }
}
