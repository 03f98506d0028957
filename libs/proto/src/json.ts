import type { MessageType } from "./topics.ts";

/** Content types of values on the bus, as the `content-type` header has them. */
export const CONTENT_TYPE = { protobuf: "application/x-protobuf", json: "application/json" } as const;

/** One of `CONTENT_TYPE`. */
export type ContentType = (typeof CONTENT_TYPE)[keyof typeof CONTENT_TYPE];

/** Name of the header that tells a value's encoding. */
export const CONTENT_TYPE_HEADER = "content-type";

const JSON_OPTIONS = { longs: String, enums: String, bytes: String } as const;

/** The JSON form of a message: camelCase members, enums by name, bytes as Base64, 64-bit integers as decimal strings; absent fields left out. */
export function toJsonValue<Message>(type: MessageType<Message>, message: Message): { [key: string]: unknown } {
  return type.toObject(type.fromObject(message as { [key: string]: unknown }), JSON_OPTIONS);
}

/** Encodes a message as the content type says. */
export function encodeMessage<Message>(
  type: MessageType<Message>,
  message: Message,
  contentType: ContentType,
): Uint8Array {
  if (contentType === CONTENT_TYPE.protobuf) return type.encode(message).finish();
  return Buffer.from(JSON.stringify(toJsonValue(type, message)));
}

/** The encoding of a value: by its header, else JSON where it begins with `{`, else protobuf. */
export function contentTypeOf(value: Uint8Array, header: string | undefined): ContentType {
  if (header !== undefined) return header.startsWith(CONTENT_TYPE.json) ? CONTENT_TYPE.json : CONTENT_TYPE.protobuf;
  return value[0] === 0x7b ? CONTENT_TYPE.json : CONTENT_TYPE.protobuf;
}

/** Decodes a message as the header of its record says; `undefined` when its bytes are no such message. */
export function decodeMessage<Message>(
  type: MessageType<Message>,
  value: Uint8Array,
  header: string | undefined,
): Message | undefined {
  try {
    if (contentTypeOf(value, header) === CONTENT_TYPE.protobuf) return type.decode(value);
    const json: unknown = JSON.parse(Buffer.from(value).toString());
    return typeof json === "object" && json !== null && !Array.isArray(json) ? type.fromObject({ ...json }) : undefined;
  } catch (error) {
    // Whoever wrote it: protobufjs throws plain errors, JSON.parse SyntaxError.
    if (Error.isError(error)) return undefined; // Of whatever realm, as under Jest.
    throw error;
  }
}
