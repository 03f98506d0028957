import type { IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, contentTypeOf, type MessageType, TOPICS, toJsonValue } from "@ferry/proto";
import type { Stream, StreamRecord } from "./ferry-client.ts";

/** A record as people read it; `undefined` for tombstones and for what cannot be decoded. */
export function toStreamRecord(stream: Stream, record: IncomingRecord): StreamRecord | undefined {
  const value =
    stream === "deadLetter" ? record.headers : readValue(TOPICS[stream].type as MessageType<unknown>, record);
  return value === undefined ? undefined : { stream, key: record.key, timestampMs: record.timestampMs, value };
}

/** The message in its JSON form, which JSON has already; `undefined` for tombstones and for what cannot be decoded. */
function readValue(type: MessageType<unknown>, { value, headers }: IncomingRecord): StreamRecord["value"] | undefined {
  if (value === null) return undefined;
  try {
    if (contentTypeOf(value, headers[CONTENT_TYPE_HEADER]) === CONTENT_TYPE.protobuf) {
      return toJsonValue(type, type.decode(value));
    }
    const json: unknown = JSON.parse(Buffer.from(value).toString());
    return isObject(json) ? json : undefined;
  } catch (error) {
    // A record that is not what its topic holds: protobufjs throws plain errors, JSON.parse SyntaxError.
    if (Error.isError(error)) return undefined; // Of whatever realm, as under Jest.
    throw error;
  }
}

/** Hands a record to a follower. What it cannot show is left out: a record that fails would be tried again for ever, and hold up those behind it. */
export function deliver(record: StreamRecord, onRecord: (record: StreamRecord) => void): void {
  try {
    onRecord(record);
  } catch (error) {
    if (!Error.isError(error)) throw error;
  }
}

function isObject(json: unknown): json is StreamRecord["value"] {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
