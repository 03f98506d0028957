import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ByteWriter, varintLength } from "./byte-writer.ts";
import { crc32c } from "./crc32c.ts";
import type { WrittenBody } from "./frame-request.ts";

/** What kafkajs asks to be produced. */
export interface Produce {
  readonly acks: number;
  readonly timeout: number;
  readonly transactionalId?: string | null;
  /** A Long of kafkajs, or text: a 64-bit number. */
  readonly producerId?: { toString(): string };
  readonly producerEpoch?: number;
  readonly compression?: number;
  readonly topicData: readonly { readonly topic: string; readonly partitions: readonly PartitionData[] }[];
}

/** The messages of one partition: one record batch. */
export interface PartitionData {
  readonly partition: number;
  readonly firstSequence?: number;
  readonly messages: readonly import("kafkajs").Message[];
}

/** A request as kafkajs and `frameRequest` take it. */
export interface Request extends WrittenBody {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly apiName: string;
  readonly expectResponse: () => boolean;
}

const API_KEY = 0;
const MAGIC = 2;
const GZIP = 1;
const TRANSACTIONAL = 16;
/** More than a record adds to its value in most cases; the writer grows where it does not suffice. */
const RECORD_ROOM = 192;

const compress: (bytes: Uint8Array) => Promise<Buffer> = promisify(gzip);

/**
 * The Produce request of versions 3 to 7, written in one pass behind its header: kafkajs makes a zero-filled buffer of half a kilobyte
 * for each record and copies each byte five times.
 *
 * ```
 * transactional_id NULLABLE_STRING · acks INT16 · timeout INT32 · topics [ topic STRING · partitions [ partition INT32 · records RECORDS ] ]
 * ```
 */
export function produceRequest(produce: Produce, apiVersion: number): Request {
  return {
    apiKey: API_KEY,
    apiVersion,
    apiName: "Produce",
    expectResponse: () => produce.acks !== 0,
    room: roomFor(produce.topicData),
    write: (writer) => write(writer, produce),
  };
}

async function write(writer: ByteWriter, produce: Produce): Promise<void> {
  const { acks, timeout, transactionalId = null, topicData } = produce;
  const nowMs = Date.now();
  writer.string(transactionalId);
  writer.int16(acks);
  writer.int32(timeout);
  writer.int32(topicData.length);
  for (const { topic, partitions } of topicData) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const data of partitions) {
      writer.int32(data.partition);
      const sizeAt = placeholder(writer);
      const compressed = produce.compression === GZIP ? await compress(encodeRecords(data, nowMs)) : undefined;
      writeRecordBatch(writer, produce, data, nowMs, compressed);
      writer.setInt32(sizeAt, writer.length - sizeAt - 4);
    }
  }
}

/**
 * Writes a record batch of format 2; `compressed` are its records, when they go compressed.
 *
 * ```
 * baseOffset INT64 · batchLength INT32 · partitionLeaderEpoch INT32 · magic INT8 · crc INT32, of all that follows ·
 * attributes INT16 · lastOffsetDelta INT32 · baseTimestamp INT64 · maxTimestamp INT64 · producerId INT64 · producerEpoch INT16 · baseSequence INT32 · records [ … ]
 * ```
 */
export function writeRecordBatch(
  writer: ByteWriter,
  { transactionalId, producerId = "-1", producerEpoch = 0, compression = 0 }: Omit<Produce, "topicData">,
  { firstSequence = 0, messages }: PartitionData,
  nowMs: number,
  compressed?: Uint8Array,
): void {
  const [first, last] = timestamps(messages, nowMs);
  writer.int64(0);
  const lengthAt = placeholder(writer);
  writer.int32(0);
  writer.int8(MAGIC);
  const crcAt = placeholder(writer);
  const checkedFrom = writer.length;
  writer.int16(compression | (transactionalId == null ? 0 : TRANSACTIONAL));
  writer.int32(messages.length - 1);
  writer.int64(first);
  writer.int64(last);
  writer.bigInt64(BigInt(producerId.toString()));
  writer.int16(producerEpoch);
  writer.int32(firstSequence);
  writer.int32(messages.length);
  if (compressed === undefined) writeRecords(writer, messages, nowMs, first);
  else writer.raw(compressed);
  writer.setInt32(lengthAt, writer.length - lengthAt - 4);
  writer.setInt32(crcAt, crc32c(writer.bytes, checkedFrom, writer.length));
}

function encodeRecords(data: PartitionData, nowMs: number): Buffer {
  const writer = new ByteWriter(roomFor([{ partitions: [data] }]));
  writeRecords(writer, data.messages, nowMs, timestamps(data.messages, nowMs)[0]);
  return writer.bytes;
}

function writeRecords(writer: ByteWriter, messages: PartitionData["messages"], nowMs: number, firstMs: number): void {
  let offsetDelta = 0;
  for (const message of messages) writeRecord(writer, message, offsetDelta++, millis(message, nowMs) - firstMs);
}

/**
 * ```
 * length VARINT, of all that follows · attributes INT8 · timestampDelta VARLONG · offsetDelta VARINT ·
 * key length VARINT, bytes · value length VARINT, bytes · headers [ key length VARINT, bytes · value length VARINT, bytes ]
 * ```
 */
function writeRecord(
  writer: ByteWriter,
  { key = null, value, headers }: import("kafkajs").Message,
  offsetDelta: number,
  timestampDelta: number,
): void {
  const keyLength = lengthOf(key);
  const valueLength = lengthOf(value);
  const headerBytes = headers === undefined ? NO_HEADERS : encodeHeaders(headers);
  writer.varint(
    1 +
      varintLength(timestampDelta) +
      varintLength(offsetDelta) +
      varintLength(keyLength) +
      Math.max(keyLength, 0) +
      varintLength(valueLength) +
      Math.max(valueLength, 0) +
      headerBytes.length,
  );
  writer.int8(0);
  writer.varint(timestampDelta);
  writer.varint(offsetDelta);
  writeBytes(writer, key, keyLength);
  writeBytes(writer, value, valueLength);
  writer.raw(headerBytes);
}

type Bytes = Uint8Array | string | null;

/** -1 for null. */
function lengthOf(value: Bytes): number {
  if (value === null) return -1;
  return typeof value === "string" ? Buffer.byteLength(value) : value.length;
}

function writeBytes(writer: ByteWriter, value: Bytes, length: number): void {
  writer.varint(length);
  if (typeof value === "string") writer.utf8(value, length);
  else if (value !== null) writer.raw(value);
}

const NO_HEADERS: Uint8Array = new Uint8Array(1);
/** Records mostly share the object that holds their headers. */
const encodedHeaders: WeakMap<import("kafkajs").IHeaders, Uint8Array> = new WeakMap();

function encodeHeaders(headers: import("kafkajs").IHeaders): Uint8Array {
  const known = encodedHeaders.get(headers);
  if (known !== undefined) return known;
  const pairs = Object.entries(headers).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((each) => [name, each ?? null] as const),
  );
  const writer = new ByteWriter(64);
  writer.varint(pairs.length);
  for (const [name, value] of pairs) {
    writeBytes(writer, name, lengthOf(name));
    writeBytes(writer, value, lengthOf(value));
  }
  encodedHeaders.set(headers, writer.bytes);
  return writer.bytes;
}

/** The earliest and the latest, ms since 1970. */
function timestamps(messages: PartitionData["messages"], nowMs: number): [first: number, last: number] {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  for (const message of messages) {
    const ms = millis(message, nowMs);
    first = Math.min(first, ms);
    last = Math.max(last, ms);
  }
  return [first, last];
}

function millis({ timestamp }: import("kafkajs").Message, nowMs: number): number {
  return timestamp === undefined ? nowMs : Number(timestamp);
}

/** Keeps the place of an INT32 that is not known yet. */
function placeholder(writer: ByteWriter): number {
  writer.int32(0);
  return writer.length - 4;
}

function roomFor(topicData: readonly { readonly partitions: readonly PartitionData[] }[]): number {
  let bytes = 1024;
  for (const { partitions } of topicData) {
    for (const { messages } of partitions) {
      for (const { value } of messages) bytes += RECORD_ROOM + Math.max(lengthOf(value), 0);
    }
  }
  return bytes;
}
