import type { MultipleResourceNode, ResourceValue } from "@ferry/lwm2m";
import type { lwm2m } from "../generated/lwm2m.js";
import { CONTENT_TYPE, type ContentType, encodeMessage } from "./json.ts";
import { ProtobufWriter } from "./protobuf-writer.ts";
import { TOPICS } from "./topics.ts";
import { toWireValue } from "./wire-value.ts";

/** Where a record comes from: `lwm2m.v1.RecordContext`, with all that Ferry says. */
export interface RecordContext {
  readonly eventId: Uint8Array;
  readonly tenant: string;
  readonly endpoint: string;
  readonly registrationId: string;
  readonly ownerEpoch: number;
  readonly sequence: number;
  readonly node: string;
  readonly bootId: string;
  readonly ingestTimeMs: number;
}

/** One value at one time: `lwm2m.v1.Sample`, with the value as payloads are decoded to. */
export interface ValueSample {
  readonly key: string;
  readonly path: string;
  readonly value: ResourceValue | MultipleResourceNode;
  readonly timeMs: number;
  readonly deviceTime: boolean;
  readonly unit: string;
  readonly partial: boolean;
}

/** What `lwm2m.v1.TelemetryRecord` says. */
export interface TelemetryValues {
  readonly context: RecordContext;
  readonly samples: readonly ValueSample[];
  readonly source: lwm2m.v1.ValueSource;
  readonly stale: boolean;
}

/** What `lwm2m.v1.AttributesRecord` says. */
export interface AttributeValues {
  readonly context: RecordContext;
  readonly attributes: readonly ValueSample[];
  readonly source: lwm2m.v1.ValueSource;
}

/**
 * Encodes values of a device as a telemetry record.
 *
 * Every notification makes one, so protobuf is written by hand here, straight from the decoded values: a fourth of what the generated encoder takes for the same bytes.
 */
export function encodeTelemetry(record: TelemetryValues, contentType: ContentType): Uint8Array {
  const { context, samples, source, stale } = record;
  if (contentType === CONTENT_TYPE.protobuf) return encodeValues(context, samples, source, stale);
  return encodeMessage(TOPICS.telemetry.type, { ...record, samples: samples.map(toWireSample) }, contentType);
}

/** Encodes the latest values of a device as an attributes record. */
export function encodeAttributes(record: AttributeValues, contentType: ContentType): Uint8Array {
  const { context, attributes, source } = record;
  // The messages are alike but for `stale`, which an attribute never is.
  if (contentType === CONTENT_TYPE.protobuf) return encodeValues(context, attributes, source, false);
  return encodeMessage(TOPICS.attributes.type, { ...record, attributes: attributes.map(toWireSample) }, contentType);
}

function toWireSample(sample: ValueSample): lwm2m.v1.Sample.$Properties {
  return { ...sample, value: toWireValue(sample.value) };
}

/** Encoding never waits, so that one is enough. */
const writer = new ProtobufWriter();

/* Numbers are those of the fields in proto/lwm2m/v1; zeros and empty text are left out, but in a `oneof` and a map. */

function encodeValues(
  context: RecordContext,
  samples: readonly ValueSample[],
  source: lwm2m.v1.ValueSource,
  stale: boolean,
): Uint8Array {
  writer.start();
  writeContext(context);
  for (const sample of samples) writeSample(sample);
  if (source !== 0) writer.varint(3, source);
  if (stale) writer.bool(4, true);
  return writer.finish();
}

function writeContext(context: RecordContext): void {
  const start = writer.open(1);
  if (context.eventId.length > 0) writer.bytes(1, context.eventId);
  if (context.tenant !== "") writer.text(2, context.tenant);
  if (context.endpoint !== "") writer.text(3, context.endpoint);
  if (context.registrationId !== "") writer.text(4, context.registrationId);
  if (context.ownerEpoch !== 0) writer.varint(5, context.ownerEpoch);
  if (context.sequence !== 0) writer.varint(6, context.sequence);
  if (context.node !== "") writer.text(7, context.node);
  if (context.bootId !== "") writer.text(8, context.bootId);
  if (context.ingestTimeMs !== 0) writer.varint(9, context.ingestTimeMs);
  writer.close(start);
}

function writeSample(sample: ValueSample): void {
  const start = writer.open(2);
  if (sample.key !== "") writer.text(1, sample.key);
  if (sample.path !== "") writer.text(2, sample.path);
  writeValue(3, sample.value);
  if (sample.timeMs !== 0) writer.varint(4, sample.timeMs);
  if (sample.deviceTime) writer.bool(5, true);
  if (sample.unit !== "") writer.text(6, sample.unit);
  if (sample.partial) writer.bool(7, true);
  writer.close(start);
}

function writeValue(field: number, value: ValueSample["value"]): void {
  const start = writer.open(field);
  switch (value.type) {
    case "STRING":
      writer.text(1, value.value);
      break;
    case "INTEGER":
      writer.zigzag(2, value.value);
      break;
    case "UNSIGNED_INTEGER":
      writer.varint(3, value.value);
      break;
    case "FLOAT":
      writer.double(4, value.value);
      break;
    case "BOOLEAN":
      writer.bool(5, value.value);
      break;
    case "OPAQUE":
      writer.bytes(6, value.value);
      break;
    case "TIME":
      writer.zigzag(7, value.value);
      break;
    case "OBJLNK": {
      const link = writer.open(8);
      if (value.value.objectId !== 0) writer.varint(1, value.value.objectId);
      if (value.value.objectInstanceId !== 0) writer.varint(2, value.value.objectInstanceId);
      writer.close(link);
      break;
    }
    case "CORELINK":
      writer.text(9, value.value);
      break;
    case "multipleResource":
      writeInstances(10, value);
      break;
  }
  writer.close(start);
}

function writeInstances(field: number, { instances }: MultipleResourceNode): void {
  const start = writer.open(field);
  for (const { id, value } of instances) {
    const entry = writer.open(1);
    writer.varint(1, id);
    writeValue(2, value);
    writer.close(entry);
  }
  writer.close(start);
}
