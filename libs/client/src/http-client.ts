import { lwm2m } from "@ferry/proto";
import type { ProvisioningDocument, PublishOutcome, RecordChange } from "@ferry/provisioning";
import type { BootstrapSummary, RecordRef } from "@ferry/state";
import { ApiError, InvalidValueError, NoAnswerError } from "./errors.ts";
import type {
  DeclaredDocument,
  DesiredValue,
  DeviceDetails,
  DeviceSummary,
  FerryClient,
  RpcAnswer,
  RpcCall,
  Stream,
  StreamRecord,
  TailOptions,
} from "./ferry-client.ts";
import { deliver } from "./stream-record.ts";

/** A declared document as the HTTP API takes it: the body in the JSON form of its message. */
export interface DocumentJson extends RecordRef {
  readonly body: { readonly [member: string]: unknown };
}

/** A document as JSON. */
export function toDocumentJson({ kind, tenant, id, body }: ProvisioningDocument): DocumentJson {
  const message = lwm2m.v1.ProvisioningRecord.fromObject(body);
  return {
    kind,
    tenant,
    id,
    body: lwm2m.v1.ProvisioningRecord.toObject(message, { longs: String, enums: String, bytes: String }),
  };
}

/** Characters of one declaration: a quarter of what the console takes, for a character may be four bytes. */
const MAX_BODY_CHARACTERS = 16 * 1024 * 1024;

/** Documents as JSON bodies that the console takes, in their order. */
function* toBodies(documents: readonly ProvisioningDocument[]): Generator<string> {
  let texts: string[] = [];
  let characters = 0;
  for (const document of documents) {
    const text = JSON.stringify(toDocumentJson(document));
    if (characters + text.length > MAX_BODY_CHARACTERS && texts.length > 0) {
      yield `{"documents":[${texts.join(",")}]}`;
      [texts, characters] = [[], 0];
    }
    texts.push(text);
    characters += text.length;
  }
  yield `{"documents":[${texts.join(",")}]}`;
}

/** Speaks to a running Ferry through the console's HTTP API. */
export class HttpClient implements FerryClient {
  readonly #baseUrl: string;
  readonly #token: string | undefined;

  constructor(baseUrl: string, token?: string) {
    this.#baseUrl = baseUrl.replace(/\/$/, "");
    this.#token = token;
  }

  async rpc(call: RpcCall): Promise<RpcAnswer> {
    try {
      return await this.#json<RpcAnswer>("POST", "/api/v1/rpc", call);
    } catch (error) {
      if (error instanceof ApiError && error.status === 504) throw new NoAnswerError(error.message, { cause: error });
      throw error;
    }
  }

  async desire(desired: DesiredValue): Promise<void> {
    try {
      await this.#send("POST", "/api/v1/desired-values", desired);
    } catch (error) {
      if (error instanceof ApiError && error.status === 400)
        throw new InvalidValueError(error.message, { cause: error });
      throw error;
    }
  }

  devices(tenant?: string): Promise<readonly DeviceSummary[]> {
    return this.#json("GET", `/api/v1/devices${query({ tenant })}`);
  }

  device(endpoint: string, tenant?: string): Promise<DeviceDetails | undefined> {
    return this.#jsonIfThere(`/api/v1/devices/${encodeURIComponent(endpoint)}${query({ tenant })}`);
  }

  bootstrap(endpoint: string, tenant?: string): Promise<BootstrapSummary | undefined> {
    return this.#jsonIfThere(`/api/v1/devices/${encodeURIComponent(endpoint)}/bootstrap${query({ tenant })}`);
  }

  async tail(stream: Stream, { from, tenant, endpoint, signal, onRecord, onReady }: TailOptions): Promise<void> {
    try {
      const response = await this.#send(
        "GET",
        `/api/v1/records/${stream}${query({ from, tenant, endpoint })}`,
        undefined,
        signal,
      );
      onReady?.();
      for await (const line of lines(response)) deliver(JSON.parse(line) as StreamRecord, onRecord);
      if (!signal.aborted) throw new ApiError("the server ended the stream of records: it was stopped", 0);
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async apply(
    documents: readonly ProvisioningDocument[],
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes: PublishOutcome[] = [];
    for (const body of toBodies(documents)) {
      outcomes.push(...(await this.#outcomes("/api/v1/provisioning", body, onOutcome)));
    }
    return outcomes;
  }

  remove(
    records: readonly RecordRef[],
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]> {
    // What a caller has may hold more, as a change of a diff does; the API takes nothing that it does not know.
    const references = records.map(({ kind, tenant, id }) => ({ kind, tenant, id }));
    return this.#outcomes("/api/v1/provisioning/delete", { records: references }, onOutcome);
  }

  get(kind?: RecordRef["kind"]): Promise<readonly DeclaredDocument[]> {
    return this.#json("GET", `/api/v1/provisioning${query({ kind })}`);
  }

  diff(documents: readonly ProvisioningDocument[]): Promise<readonly RecordChange[]> {
    return this.#json("POST", "/api/v1/provisioning/diff", { documents: documents.map(toDocumentJson) });
  }

  async stop(): Promise<void> {}

  async #outcomes(
    path: string,
    body: unknown,
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]> {
    const outcomes: PublishOutcome[] = [];
    for await (const line of lines(await this.#send("POST", path, body))) {
      const outcome = JSON.parse(line) as PublishOutcome | { readonly error: string };
      if ("error" in outcome) throw new ApiError(outcome.error, 504);
      outcomes.push(outcome);
      onOutcome(outcome);
    }
    return outcomes;
  }

  /** Undefined for what there is not. */
  async #jsonIfThere<Body>(path: string): Promise<Body | undefined> {
    try {
      return await this.#json<Body>("GET", path);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  async #json<Body>(method: string, path: string, body?: unknown): Promise<Body> {
    const response = await this.#send(method, path, body);
    return (await response.json()) as Body;
  }

  async #send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    const headers = {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(this.#token === undefined ? {} : { authorization: `Bearer ${this.#token}` }),
    };
    const response = await this.#fetch(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw new ApiError(await problem(response), response.status);
    return response;
  }

  async #fetch(path: string, init: RequestInit): Promise<Response> {
    try {
      return await fetch(this.#baseUrl + path, init);
    } catch (error) {
      // fetch throws TypeError for every failure of the network.
      if (!(error instanceof TypeError)) throw error;
      throw new ApiError(`cannot reach ${this.#baseUrl}: is Ferry running there? (npm start, or --api-url)`, 0, {
        cause: error,
      });
    }
  }
}

function query(values: Readonly<Record<string, string | undefined>>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

async function problem(response: Response): Promise<string> {
  const text = await response.text();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === "string") return message;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return `${response.status} ${response.statusText}`;
}

async function* lines(response: Response): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) if (part !== "") yield part;
    }
  } catch (error) {
    // As for fetch itself: the connection broke.
    if (!(error instanceof TypeError)) throw error;
    throw new ApiError("the connection broke: the server has gone", 0, { cause: error });
  }
}
