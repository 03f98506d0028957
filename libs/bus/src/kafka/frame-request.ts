import { ByteWriter } from "./byte-writer.ts";

/** A request on its way over a connection. */
interface Sent {
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly request: { readonly apiKey: number; readonly apiVersion: number } & (EncodedBody | WrittenBody);
}

/** A body as kafkajs makes it. */
interface EncodedBody {
  readonly encode: () => Promise<{ readonly buffer: Buffer }>;
}

/** A body that is written behind its header, without a copy. */
export interface WrittenBody {
  /** Bytes that it takes in most cases. */
  readonly room: number;
  readonly write: (writer: ByteWriter) => Promise<void>;
}

/** More than a header takes. */
const HEADER_ROOM = 512;

/**
 * Puts the header in front of a request, with at most one copy of its body; kafkajs makes two, each into memory that it first fills with zeros.
 *
 * ```
 * size INT32, of all that follows · api_key INT16 · api_version INT16 · correlation_id INT32 · client_id NULLABLE_STRING · body
 * ```
 */
export async function frameRequest({ correlationId, clientId, request }: Sent): Promise<{ readonly buffer: Buffer }> {
  const body = "write" in request ? request : encodedBody((await request.encode()).buffer);
  const writer = new ByteWriter(HEADER_ROOM + body.room);
  writer.int32(0);
  writer.int16(request.apiKey);
  writer.int16(request.apiVersion);
  writer.int32(correlationId);
  writer.string(clientId);
  await body.write(writer);
  writer.setInt32(0, writer.length - 4);
  return { buffer: writer.bytes };
}

function encodedBody(bytes: Buffer): WrittenBody {
  return { room: bytes.length, write: async (writer) => writer.raw(bytes) };
}
