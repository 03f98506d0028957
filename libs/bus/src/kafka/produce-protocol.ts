import { type Produce, produceRequest, type Request } from "./produce-request.ts";
import { decodeProduceResponse, type ProduceResponse } from "./produce-response.ts";

/** Of Kafka 0.11 to 2.0, the first with idempotent producers; later brokers know them, too. */
const VERSIONS = [3, 4, 5, 6, 7] as const;

/** A request and how its response is read, as kafkajs sends it. */
interface Exchange {
  readonly request: Request;
  readonly response: {
    readonly decode: (bytes: Buffer) => ProduceResponse;
    /** @throws what Kafka refused the records for */
    readonly parse: (response: ProduceResponse) => ProduceResponse;
  };
}

/** The Produce request of kafkajs, which makes it of five versions one around the other and loads their modules each time. */
export function produceProtocol(errorOf: (code: number) => Error): {
  readonly versions: readonly number[];
  readonly protocol: (chosen: { readonly version: number }) => (produce: Produce) => Exchange;
} {
  const parse = (response: ProduceResponse): ProduceResponse => {
    if (response.errorCode !== 0) throw errorOf(response.errorCode);
    return response;
  };
  return {
    versions: VERSIONS,
    protocol:
      ({ version }) =>
      (produce) => ({
        request: produceRequest(produce, version),
        response: { decode: (bytes) => decodeProduceResponse(bytes, version), parse },
      }),
  };
}
