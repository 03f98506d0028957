import { get } from "node:http";
import { MemoryBus } from "@ferry/bus/memory";
import { Responder, TOPIC_PREFIX } from "@ferry/client/contract";
import { lwm2m } from "@ferry/proto";
import type { Shutdown } from "@ferry/runtime";
import { StateUnavailableError } from "@ferry/state";
import { MemoryBootstrapStore } from "@ferry/state/memory";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type SpecData, Validator } from "@seriousme/openapi-schema-validator";
import { startTestConsole } from "./api-fixture.ts";

const ACME = "acme-0123456789abcdefghij";
const ALL = "all-0123456789abcdefghij";

let bus: MemoryBus;
let responder: Responder;
let shutdown: Shutdown;
let url: string;

beforeAll(async () => {
  bus = new MemoryBus();
  responder = new Responder(bus);
  await responder.start();
  ({ url, shutdown } = await startTestConsole(
    bus,
    { KAFKA_TOPIC_PREFIX: TOPIC_PREFIX, LWM2M_API_TOKENS: `${ACME} acme\n${ALL} *` },
    responder.bootstraps,
  ));
});
afterAll(async () => {
  await shutdown.stop();
  await bus.stop();
});

async function ask(
  method: string,
  path: string,
  { token = ALL, body }: { readonly token?: string | null; readonly body?: unknown } = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return { status: response.status, body: isJson ? JSON.parse(text) : text };
}

const READ = { endpoint: "demo", method: "Read", params: { id: "/3/0/9" } };

describe("the HTTP API", () => {
  it("describes itself by a valid OpenAPI document that needs no token", async () => {
    const { status, body } = await ask("GET", "/openapi.json", { token: null });
    expect(status).toBe(200);
    const validator = new Validator();
    expect(await validator.validate(body as SpecData)).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
    expect(Object.keys((body as { paths: object }).paths)).toEqual([
      "/api/v1/devices",
      "/api/v1/devices/{endpoint}",
      "/api/v1/devices/{endpoint}/bootstrap",
      "/api/v1/rpc",
      "/api/v1/desired-values",
      "/api/v1/records/{stream}",
      "/api/v1/provisioning",
      "/api/v1/provisioning/diff",
      "/api/v1/provisioning/delete",
    ]);
  });

  it.each([null, "wrong-0123456789abcdefghij"])("answers 401 to the token %s", async (token) => {
    expect(await ask("GET", "/api/v1/devices", { token })).toEqual({
      status: 401,
      body: { message: "a bearer token is needed" },
    });
  });

  it.each<[string, string, unknown, string]>([
    [
      "a body without a needed member",
      "/api/v1/rpc",
      { endpoint: "demo" },
      "body must have required property 'method'",
    ],
    ["a misspelt member", "/api/v1/rpc", { ...READ, timeout: 1 }, "body/timeout is not known"],
    ["a number out of range", "/api/v1/rpc", { ...READ, timeoutMs: 0 }, "body/timeoutMs must be >= 1"],
    [
      "a kind that there is not",
      "/api/v1/provisioning/delete",
      { records: [{ kind: "dog", tenant: "acme", id: "x" }] },
      "body/records/0/kind must be equal to one of the allowed values: model, profile, device, credential",
    ],
  ])("answers 400 to %s, naming it", async (_, path, body, message) => {
    expect(await ask("POST", path, { body })).toEqual({ status: 400, body: { message } });
  });

  const long = "x".repeat(1000);
  it.each([
    [
      "that comes twice",
      '{"endpoint":"demo","params":{"id":"/3/0/9","id":"/3"}}',
      "params/id occurs more than once: name it once",
    ],
    ["with a dot that comes twice", '{"params":{"a.b":1,"a.b":2}}', "params/a.b occurs more than once: name it once"],
    [
      "of any length that comes twice",
      `{"${long}":1,"${long}":2}`,
      `${long.slice(0, 100)}… occurs more than once: name it once`,
    ],
    [
      "of any length that is not known",
      `{"endpoint":"demo","method":"Read","${long}":1}`,
      `${long.slice(0, 100)}… is not known`,
    ],
  ])("answers 400 to a member %s, naming it", async (_, body, message) => {
    expect(await ask("POST", "/api/v1/rpc", { body })).toEqual({ status: 400, body: { message: `body/${message}` } });
  });

  it("answers 400 to a body that is not JSON", async () => {
    const { status, body } = await ask("POST", "/api/v1/rpc", { body: "{" });
    expect(status).toBe(400);
    expect((body as { message: string }).message).toMatch(/JSON/);
  });

  it("answers 400 to a stream that there is not, naming those that there are", async () => {
    const { status, body } = await ask("GET", "/api/v1/records/everything");
    expect(status).toBe(400);
    expect((body as { message: string }).message).toMatch(/^params\/stream .*: telemetry, attributes, lifecycle/);
  });

  it("answers 400 to documents whose body is not what their kind names", async () => {
    const NO_DEVICE = "device a: its body has no member device";
    for (const [body, message] of [
      [{ dog: {} }, NO_DEVICE],
      [{ profile: { json: "{}" } }, NO_DEVICE],
      [{ device: { credentials: "none" } }, "device a: .lwm2m.v1.Device.credentials: array expected"],
    ] as const) {
      const documents = [{ kind: "device", tenant: "default", id: "a", body }];
      expect(await ask("POST", "/api/v1/provisioning", { body: { documents } })).toEqual({
        status: 400,
        body: { message },
      });
    }
  });

  it("answers 404 to a path that there is not, with where to look", async () => {
    expect(await ask("GET", "/api/v2/devices")).toEqual({
      status: 404,
      body: { message: "there is no GET /api/v2/devices: see /openapi.json" },
    });
  });

  it("answers 413 to a request larger than a record can be, and takes declarations that are larger", async () => {
    const large = "x".repeat(2 * 1024 * 1024);
    expect((await ask("POST", "/api/v1/rpc", { body: { ...READ, params: large } })).status).toBe(413);
    const documents = [{ kind: "profile", tenant: "default", id: "large", body: { profile: { json: large } } }];
    expect((await ask("POST", "/api/v1/provisioning/diff", { body: { documents } })).status).toBe(200);
  });

  it("answers 504 when nobody answers a request", async () => {
    const { status, body } = await ask("POST", "/api/v1/rpc", { body: { ...READ, endpoint: "silent", timeoutMs: 1 } });
    expect(status).toBe(504);
    expect((body as { message: string }).message).toMatch(/is an rpc-router running/);
  });

  it("waits 10 s for an answer unless the caller says otherwise", async () => {
    await ask("POST", "/api/v1/rpc", { body: { ...READ, endpoint: "patient" } });
    const request = responder.requests.find(({ endpoint }) => endpoint === "patient");
    expect(Number(request?.expiresAtMs) - Date.now()).toBeGreaterThan(9_000);
  });
});

describe("a token for one tenant", () => {
  beforeAll(async () => {
    await responder.register("acme", "theirs");
    await responder.register("default", "ours");
  });
  const profile = (tenant: string, id: string) => ({
    kind: "profile",
    tenant,
    id,
    body: { profile: { json: '{"resources":{}}' } },
  });
  const FOREIGN = { status: 403, body: { message: "the token is for tenant acme, not default" } };

  it("sees its devices only, whatever it asks for", async () => {
    const { body } = await ask("GET", "/api/v1/devices?tenant=default", { token: ACME });
    expect((body as { endpoint: string }[]).map(({ endpoint }) => endpoint)).toEqual(["theirs"]);
  });

  it("is shown its devices only, whatever it asks for", async () => {
    expect((await ask("GET", "/api/v1/devices/theirs?tenant=default", { token: ACME })).status).toBe(200);
    expect(await ask("GET", "/api/v1/devices/ours?tenant=default", { token: ACME })).toEqual({
      status: 404,
      body: { message: "ours is not registered" },
    });
  });

  it("is shown bootstraps of its devices only, whatever it asks for", async () => {
    const started = { step: lwm2m.v1.BootstrapStep.BOOTSTRAP_STEP_STARTED, sessionId: "s" };
    await responder.bootstrap({ tenant: "acme", endpoint: "theirs" }, started);
    await responder.bootstrap({ tenant: "default", endpoint: "ours" }, started);
    const bootstrap = (endpoint: string, token: string) =>
      ask("GET", `/api/v1/devices/${endpoint}/bootstrap?tenant=default`, { token });
    expect(await bootstrap("theirs", ACME)).toMatchObject({
      status: 200,
      body: { sessionId: "s", outcome: "running" },
    });
    expect(await bootstrap("ours", ALL)).toMatchObject({ status: 200 });
    expect(await bootstrap("ours", ACME)).toEqual({
      status: 404,
      body: { message: "no bootstrap of ours is known" },
    });
  });

  it("asks its devices only, whatever the request says", async () => {
    const { body } = await ask("POST", "/api/v1/rpc", { token: ACME, body: { ...READ, tenant: "default" } });
    expect(body).toMatchObject({ tenant: "acme", status: "SUCCESSFUL" });
    expect(responder.requests.at(-1)).toMatchObject({ tenant: "acme" });
  });

  it("follows its records only", async () => {
    await responder.publish("lifecycle", "default/ours", Buffer.of());
    await responder.publish("lifecycle", "acme/theirs", Buffer.of());
    const aborted = new AbortController();
    const response = await fetch(`${url}/api/v1/records/lifecycle?from=earliest&tenant=default`, {
      headers: { authorization: `Bearer ${ACME}` },
      signal: aborted.signal,
    });
    const { value } = (await response.body?.getReader().read()) ?? {};
    aborted.abort();
    const lines = Buffer.from(value ?? [])
      .toString()
      .trim()
      .split("\n");
    expect(lines.map((line) => JSON.parse(line).key)).toEqual(["acme/theirs"]);
  });

  it("declares, compares, deletes and sees what is its tenant's, and nothing else", async () => {
    const both = [profile("acme", "p"), profile("default", "p")];
    for (const path of ["/api/v1/provisioning", "/api/v1/provisioning/diff"]) {
      expect(await ask("POST", path, { token: ACME, body: { documents: both } })).toEqual(FOREIGN);
    }
    const records = [{ kind: "profile", tenant: "default", id: "p" }];
    expect(await ask("POST", "/api/v1/provisioning/delete", { token: ACME, body: { records } })).toEqual(FOREIGN);

    expect((await ask("POST", "/api/v1/provisioning", { body: { documents: both } })).status).toBe(200);
    const seen = await ask("GET", "/api/v1/provisioning", { token: ACME });
    expect((seen.body as { tenant: string }[]).map(({ tenant }) => tenant)).toEqual(["acme"]);
    const changes = await ask("POST", "/api/v1/provisioning/diff", { token: ACME, body: { documents: [] } });
    expect(changes.body).toEqual([{ change: "delete", kind: "profile", tenant: "acme", id: "p" }]);
  });
});

describe("an API whose store is away", () => {
  it("answers 503 to who asks for a bootstrap, and serves all else", async () => {
    class Away extends MemoryBootstrapStore {
      override get = () => Promise.reject(new StateUnavailableError("Redis is away"));
    }
    const env = { KAFKA_TOPIC_PREFIX: TOPIC_PREFIX };
    const { url: other, shutdown: stopping } = await startTestConsole(bus, env, new Away());
    const response = await fetch(`${other}/api/v1/devices/demo/bootstrap`);
    expect([response.status, await response.json()]).toEqual([503, { message: "Redis is away" }]);
    expect((await fetch(`${other}/api/v1/devices`)).status).toBe(200);
    await stopping.stop();
  });
});

describe("a stream of records", () => {
  it("says at once that it is followed, before the first record", async () => {
    const aborted = new AbortController();
    const response = await fetch(`${url}/api/v1/records/rpcStatus`, {
      headers: { authorization: `Bearer ${ALL}` },
      signal: aborted.signal,
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    aborted.abort();
  });

  it("ends when the console stops", async () => {
    const { url: other, shutdown: stopping } = await startTestConsole(bus, { KAFKA_TOPIC_PREFIX: TOPIC_PREFIX });
    const response = await fetch(`${other}/api/v1/records/telemetry`);
    await stopping.stop();
    expect(await response.text()).toBe("");
  });
});

describe("an API without tokens", () => {
  it("answers 403 to a page of another site whose name resolves to this machine", async () => {
    const { url: open, shutdown: stopping } = await startTestConsole(bus, { KAFKA_TOPIC_PREFIX: TOPIC_PREFIX });
    const { port } = new URL(open);
    const statusFor = (host: string, path: string) =>
      new Promise((resolve, reject) => {
        get({ host: "127.0.0.1", port, path, headers: { host } }, (response) => {
          response.resume();
          resolve(response.statusCode);
        }).once("error", reject);
      });
    expect(await statusFor(`evil.example:${port}`, "/api/v1/devices")).toBe(403);
    expect(await statusFor(`evil.example:${port}`, "/openapi.json")).toBe(403);
    expect(await statusFor(`localhost:${port}`, "/api/v1/devices")).toBe(200);
    await stopping.stop();
  });
});

describe("a console", () => {
  it("says which port is in use", async () => {
    const { port } = new URL(url);
    await expect(startTestConsole(bus, { LWM2M_API_PORT: port })).rejects.toThrow(
      `tcp port ${port} on 127.0.0.1 is in use: stop the process that has it, or choose another port`,
    );
  });
});
