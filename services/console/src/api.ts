import { PassThrough } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import swagger from "@fastify/swagger";
import { BusUnavailableError } from "@ferry/bus";
import {
  type DesiredValue,
  type DocumentJson,
  type FerryClient,
  InvalidValueError,
  NoAnswerError,
  type RpcCall,
  type Stream,
} from "@ferry/client";
import { findRepeatedMember } from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import {
  DEFAULT_TENANT,
  type ProvisioningDocument,
  ProvisioningTimeoutError,
  type PublishOutcome,
} from "@ferry/provisioning";
import type { Logger } from "@ferry/runtime";
import { type BootstrapStore, type RecordRef, StateUnavailableError } from "@ferry/state";
import createServer, { type FastifyInstance, type FastifyReply, type FastifySchemaValidationError } from "fastify";
import { type Authentication, isLoopbackHost, type Principal } from "./authenticate.ts";
import { InvalidBodyError, IssuerUnavailableError } from "./errors.ts";
import { SCHEMAS } from "./schemas.ts";

/** What the API is made of. */
export interface ApiParts {
  readonly client: FerryClient;
  readonly bootstraps: BootstrapStore;
  readonly authentication: Authentication;
  readonly logger: Logger;
  /** Ends the streams that are open. */
  readonly stopping: AbortSignal;
}

/** Largest declaration: thousands of documents at once. */
const DECLARATION_LIMIT_BYTES = 64 * 1024 * 1024;
/** Largest of all else; a record on Kafka is no larger. */
const BODY_LIMIT_BYTES = 1024 * 1024;

/** How long a reader of records may take for the rest when the console stops. */
const STREAM_END_TIMEOUT_MS = 1_000;

declare module "fastify" {
  interface FastifyRequest {
    principal: Principal;
  }
}

/** Makes the HTTP API; `/openapi.json` says what it offers. */
export async function createApi(parts: ApiParts): Promise<FastifyInstance> {
  const { client, bootstraps, authentication, logger, stopping } = parts;
  const api = createServer({
    bodyLimit: BODY_LIMIT_BYTES,
    forceCloseConnections: true,
    // What a caller misspells must not be dropped without a word.
    ajv: { customOptions: { removeAdditional: false } },
    schemaErrorFormatter: (problems, where) =>
      new TypeError(problems.map((one) => formatProblem(where, one)).join("; ")),
  });
  await api.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Ferry",
        version: "0.1.0",
        description: "LwM2M devices on Kafka: registrations, operations, records and what is declared.",
      },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
      security: [{ bearer: [] }],
    },
  });
  /** Streams that are open. When the console stops they end, rather than break. */
  const following = new Set<FastifyReply>();
  api.addHook("preClose", async () => {
    const ended = [...following].map(({ raw }) => new Promise((done) => raw.once("close", done)));
    await Promise.race([Promise.all(ended), sleep(STREAM_END_TIMEOUT_MS, undefined, { ref: false })]);
  });
  const parseJson = api.getDefaultJsonParser("error", "error");
  api.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, text, done) => {
    const checked = (error: Error | null, value?: unknown): void => {
      const repeated = error === null ? findRepeatedMember(text) : undefined;
      if (repeated === undefined) done(error, value);
      else done(new InvalidBodyError(`body/${quote(repeated.join("/"))} occurs more than once: name it once`));
    };
    void parseJson(request, text, checked);
  });
  api.decorateRequest("principal");
  api.addHook("onRequest", async (request, reply) => {
    // A page of another site whose name was made to resolve to this machine (DNS rebinding) still sends its own name.
    if (authentication.isOpen && !isLoopbackHost(request.headers.host))
      return reply
        .code(403)
        .send({ message: "without tokens the API is for this machine: call it by localhost or 127.0.0.1" });
    if (request.url === "/openapi.json") return;
    const principal = await authentication.authenticate(request.headers.authorization);
    if (principal === undefined)
      return reply.code(401).header("www-authenticate", "Bearer").send({ message: "a bearer token is needed" });
    request.principal = principal;
  });
  api.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = statusOf(error);
    if (status === 500) logger.error({ error, route: request.routeOptions.url }, "A request failed");
    return reply
      .code(status)
      .send({ message: status === 500 ? "internal error: see the console's log" : error.message });
  });
  api.setNotFoundHandler((request, reply) =>
    reply.code(404).send({ message: `there is no ${request.method} ${request.url}: see /openapi.json` }),
  );
  api.get("/openapi.json", { schema: { hide: true } }, async () => api.swagger());

  api.get<{ Querystring: { tenant?: string } }>(
    "/api/v1/devices",
    { schema: SCHEMAS.devices },
    ({ principal, query }) => client.devices(principal.tenant ?? query.tenant),
  );

  api.get<{ Params: { endpoint: string }; Querystring: { tenant?: string } }>(
    "/api/v1/devices/:endpoint",
    { schema: SCHEMAS.device },
    async ({ principal, params, query }, reply) => {
      const device = await client.device(params.endpoint, principal.tenant ?? query.tenant);
      return device ?? reply.code(404).send({ message: `${quote(params.endpoint)} is not registered` });
    },
  );

  api.get<{ Params: { endpoint: string }; Querystring: { tenant?: string } }>(
    "/api/v1/devices/:endpoint/bootstrap",
    { schema: SCHEMAS.bootstrap },
    async ({ principal, params, query }, reply) => {
      const tenant = principal.tenant ?? query.tenant ?? DEFAULT_TENANT;
      const last = await bootstraps.get({ tenant, endpoint: params.endpoint });
      return last ?? reply.code(404).send({ message: `no bootstrap of ${quote(params.endpoint)} is known` });
    },
  );

  api.post<{ Body: RpcCall }>("/api/v1/rpc", { schema: SCHEMAS.rpc }, ({ principal, body }) =>
    client.rpc(principal.tenant === undefined ? body : { ...body, tenant: principal.tenant }),
  );

  api.post<{ Body: DesiredValue }>(
    "/api/v1/desired-values",
    { schema: SCHEMAS.desire },
    async ({ principal, body }, reply) => {
      await client.desire(principal.tenant === undefined ? body : { ...body, tenant: principal.tenant });
      return reply.code(202).send();
    },
  );

  api.get<{
    Params: { stream: Stream };
    Querystring: { from: "earliest" | "latest"; tenant?: string; endpoint?: string };
  }>("/api/v1/records/:stream", { schema: SCHEMAS.records }, async ({ principal, params, query }, reply) => {
    const lines = new JsonLines();
    const closed = new AbortController();
    following.add(reply);
    reply.raw.once("close", () => {
      following.delete(reply);
      closed.abort();
    });
    const tenant = principal.tenant ?? query.tenant;
    const ready = Promise.withResolvers<void>();
    void client
      .tail(params.stream, {
        from: query.from,
        ...(tenant === undefined ? {} : { tenant }),
        ...(query.endpoint === undefined ? {} : { endpoint: query.endpoint }),
        signal: AbortSignal.any([closed.signal, stopping]),
        onRecord: (record) => lines.write(record),
        onReady: ready.resolve,
      })
      .then(ready.resolve, ready.reject)
      .finally(() => lines.end());
    await ready.promise;
    return lines.reply(reply);
  });

  api.get<{ Querystring: { kind?: RecordRef["kind"] } }>(
    "/api/v1/provisioning",
    { schema: SCHEMAS.declared },
    async ({ principal, query }) => (await client.get(query.kind)).filter(({ tenant }) => mayTouch(principal, tenant)),
  );

  api.post<{ Body: { documents: readonly DocumentJson[] } }>(
    "/api/v1/provisioning",
    { schema: SCHEMAS.apply, bodyLimit: DECLARATION_LIMIT_BYTES },
    ({ principal, body }, reply) => {
      const refusal = refuse(principal, body.documents);
      if (refusal !== undefined) return reply.code(403).send({ message: refusal });
      return streamOutcomes(reply, (onOutcome) => client.apply(body.documents.map(toDocument), onOutcome));
    },
  );

  api.post<{ Body: { documents: readonly DocumentJson[] } }>(
    "/api/v1/provisioning/diff",
    { schema: SCHEMAS.diff, bodyLimit: DECLARATION_LIMIT_BYTES },
    async ({ principal, body }, reply) => {
      const refusal = refuse(principal, body.documents);
      if (refusal !== undefined) return reply.code(403).send({ message: refusal });
      return (await client.diff(body.documents.map(toDocument))).filter(({ tenant }) => mayTouch(principal, tenant));
    },
  );

  api.post<{ Body: { records: readonly RecordRef[] } }>(
    "/api/v1/provisioning/delete",
    { schema: SCHEMAS.remove, bodyLimit: DECLARATION_LIMIT_BYTES },
    ({ principal, body }, reply) => {
      const refusal = refuse(principal, body.records);
      if (refusal !== undefined) return reply.code(403).send({ message: refusal });
      return streamOutcomes(reply, (onOutcome) => client.remove(body.records, onOutcome));
    },
  );
  return api;
}

/** What says that something that the console needs cannot be reached. */
const AWAY = [BusUnavailableError, StateUnavailableError, IssuerUnavailableError];

/** HTTP status for what went wrong. */
function statusOf(error: Error & { readonly statusCode?: number }): number {
  if (error instanceof NoAnswerError || error instanceof ProvisioningTimeoutError) return 504;
  if (AWAY.some((type) => error instanceof type)) return 503;
  if (error instanceof InvalidBodyError || error instanceof InvalidValueError) return 400;
  return error.statusCode ?? 500;
}

/** "body/timeoutMs must be integer": where, and what is wrong. */
function formatProblem(where: string, { instancePath, message, params }: FastifySchemaValidationError): string {
  if (params.additionalProperty)
    return `${where}${instancePath}/${quote(String(params.additionalProperty))} is not known`;
  const allowed = Array.isArray(params.allowedValues) ? `: ${params.allowedValues.join(", ")}` : "";
  return `${where}${instancePath} ${message}${allowed}`;
}

/** Most characters of a caller's own names that a message repeats. */
const MAX_QUOTED_CHARACTERS = 100;

function quote(name: string): string {
  return name.length > MAX_QUOTED_CHARACTERS ? `${name.slice(0, MAX_QUOTED_CHARACTERS)}…` : name;
}

function mayTouch(principal: Principal, tenant: string): boolean {
  return principal.tenant === undefined || principal.tenant === tenant;
}

function refuse(principal: Principal, records: readonly { readonly tenant: string }[]): string | undefined {
  const foreign = records.find(({ tenant }) => !mayTouch(principal, tenant));
  return foreign === undefined ? undefined : `the token is for tenant ${principal.tenant}, not ${foreign.tenant}`;
}

/** @throws {InvalidBodyError} the body is not what the kind names */
function toDocument({ kind, tenant, id, body }: DocumentJson): ProvisioningDocument {
  const content = decodeBody(`${kind} ${id}`, body)[kind];
  if (!content) throw new InvalidBodyError(`${kind} ${id}: its body has no member ${kind}`);
  return { kind, tenant, id, body: { [kind]: content } };
}

function decodeBody(name: string, body: DocumentJson["body"]): lwm2m.v1.ProvisioningRecord {
  try {
    return lwm2m.v1.ProvisioningRecord.fromObject(body);
  } catch (error) {
    // protobufjs throws it for a list or message that is something else.
    if (!(error instanceof TypeError)) throw error;
    throw new InvalidBodyError(`${name}: ${error.message}`, { cause: error });
  }
}

/** Sends outcomes as they come; what goes wrong after the first is the last line. */
function streamOutcomes(
  reply: FastifyReply,
  run: (onOutcome: (outcome: PublishOutcome) => void) => Promise<unknown>,
): FastifyReply {
  const lines = new JsonLines();
  run((outcome) => lines.write(outcome)).then(
    () => lines.end(),
    (error: Error) => {
      lines.write({ error: error.message });
      lines.end();
    },
  );
  return lines.reply(reply);
}

/** Most bytes that wait for a slow reader of records before it is cut off. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024;

/** One JSON value a line (application/x-ndjson). */
class JsonLines {
  readonly #stream = new PassThrough();

  write(value: unknown): void {
    if (this.#stream.writableLength > MAX_WAITING_BYTES) this.#stream.destroy();
    else this.#stream.write(`${JSON.stringify(value)}\n`);
  }

  end(): void {
    this.#stream.end();
  }

  reply(reply: FastifyReply): FastifyReply {
    reply.type("application/x-ndjson").send(this.#stream);
    // The first line may be long in coming; that it is awaited must be known at once.
    reply.raw.flushHeaders();
    return reply;
  }
}
