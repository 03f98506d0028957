import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, contentTypeOf, type MessageType, TOPICS, toJsonValue } from "@ferry/proto";
import type { Stream, StreamRecord } from "./ferry-client.ts";

/** A record as people read it; `undefined` for tombstones and for what cannot be decoded. */
export function toStreamRecord(stream: Stream, record: IncomingRecord): StreamRecord | undefined {
  const value =
    stream === "deadLetter" ? record.headers : readValue(TOPICS[stream].type as MessageType<unknown>, record);
  return value === undefined ? undefined : { stream, key: record.key, timestampMs: record.timestampMs, value };
}

function readValue(type: MessageType<unknown>, { value, headers }: IncomingRecord): StreamRecord["value"] | undefined {
  if (value === null) return undefined;
  try {
    if (contentTypeOf(value, headers[CONTENT_TYPE_HEADER]) === CONTENT_TYPE.json) {
      return JSON.parse(Buffer.from(value).toString()) as StreamRecord["value"];
    }
    return toJsonValue(type, type.decode(value));
  } catch (error) {
    // A record that is not what its topic holds: protobufjs and JSON.parse throw these three.
    if (error instanceof SyntaxError || error instanceof RangeError || error instanceof Error) return undefined;
    throw error;
  }
}
