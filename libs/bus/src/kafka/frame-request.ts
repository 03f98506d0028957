import { ByteWriter } from "./byte-writer.ts";
import { type Encoded, encoded, type Request } from "./produce-request.ts";

/** A request on its way over a connection. */
interface Sent {
  readonly correlationId: number;
  readonly clientId: string | null;
  readonly request: Pick<Request, "apiKey" | "apiVersion" | "encode">;
}

/** More than a header takes. */
const HEADER_ROOM = 512;

/**
 * Puts the header in front of a request, with one copy of its body; kafkajs makes two, each into memory that it first fills with zeros.
 *
 * ```
 * size INT32, of all that follows · api_key INT16 · api_version INT16 · correlation_id INT32 · client_id NULLABLE_STRING · body
 * ```
 */
export async function frameRequest({ correlationId, clientId, request }: Sent): Promise<Encoded> {
  const { apiKey, apiVersion, encode } = request;
  const { buffer } = await encode();
  const writer = new ByteWriter(HEADER_ROOM + buffer.length);
  writer.int32(0);
  writer.int16(apiKey);
  writer.int16(apiVersion);
  writer.int32(correlationId);
  writer.string(clientId);
  writer.raw(buffer);
  writer.setInt32(0, writer.length - 4);
  return encoded(writer.bytes);
}
