import type { IncomingRecord } from "@ferry/bus";
import { encodeRpcResponse, lwm2m, provisioningKey, TOPICS, toSafeNumber } from "@ferry/proto";
import { publishRecords } from "@ferry/provisioning";
import { createHealth, createLogger, createMetrics, createShutdown, type Shutdown, type State } from "@ferry/runtime";
import { StateUnavailableError } from "@ferry/state";
import { memoryState } from "@ferry/state/memory";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { RPC_ROUTER_CONFIG } from "./config.ts";
import { RouterFixture } from "./router-fixture.ts";
import { startRpcRouter } from "./service.ts";

let fixture: RouterFixture;
let shutdown: Shutdown;

beforeEach(async () => {
  fixture = new RouterFixture();
  await fixture.start();
});

afterEach(async () => {
  await shutdown.stop();
  await fixture.stop();
});

async function startRouter(env: Record<string, string> = {}, devices = fixture.devices as State["devices"]) {
  const settings = RPC_ROUTER_CONFIG.load({ env: { BUS: "memory", STATE: "memory", ...env }, file: undefined });
  const logger = createLogger("rpc-router", { level: "silent", format: "json" });
  shutdown = createShutdown(logger, 5000);
  const health = createHealth(0);
  const runtime = { logger, metrics: createMetrics({ process: false }), health, shutdown, httpPort: 0 };
  const { nodes, provisioning, bus } = fixture;
  const state: State = { ...memoryState(), devices, nodes, provisioning };
  await startRpcRouter(settings, runtime, { bus, state });
  health.started();
  return health;
}

/** A node's part: carries out what is in its partition and answers, each request once. */
function answerAsNode(slot: number): void {
  const performed = new Set<string>();
  fixture.bus.subscribe({
    type: "reader",
    topic: TOPICS.nodeCommand.name,
    partitions: [slot],
    from: "latest",
    handle: async ({ value }: IncomingRecord) => {
      const { perform } = lwm2m.v1.NodeCommand.decode(value ?? new Uint8Array());
      const { requestId = "", endpoint = "" } = perform?.request ?? {};
      if (performed.has(requestId ?? "")) return;
      performed.add(requestId ?? "");
      const answer = {
        context: { tenant: "default", endpoint },
        requestId,
        status: lwm2m.v1.RpcFinalStatus.SUCCESSFUL,
        result: "CONTENT",
        value: "100",
      };
      const response = encodeRpcResponse(answer, "application/json");
      const device = { tenant: "default", endpoint: endpoint ?? "" };
      const outcome = await fixture.devices.finish({
        device,
        requestId: requestId ?? "",
        response,
        nowMs: fixture.nowMs,
      });
      if (outcome.type !== "won") return;
      const key = `default/${endpoint}`;
      await fixture.ports.sender.publish({
        topic: TOPICS.rpcResponse.name,
        key,
        value: response,
        headers: { "content-type": outcome.contentType },
      });
    },
  });
}

const READ = { requestId: "r-1", endpoint: "demo", method: "Read", params: { id: "/3/0/9" } };

describe("an rpc-router", () => {
  it("brings a request to the device's node and its one answer to the caller, among refusals and repeats", async () => {
    const health = await startRouter();
    expect(health.readiness().ready).toBe(true);
    answerAsNode(7);
    await fixture.register("demo", await fixture.node(7, "boot-7"));
    await Promise.all([
      fixture.publishRequest("default/demo", READ),
      fixture.publishRequest("default/demo", READ),
      fixture.publishRequest("default/nobody", { ...READ, endpoint: "nobody" }),
    ]);
    await fixture.until(() => fixture.jsonResponses.length >= 2);
    await fixture.settle();
    const answers = fixture.jsonResponses.map(({ endpoint, status, value }) => ({ endpoint, status, value }));
    expect(answers).toContainEqual({ endpoint: "demo", status: "SUCCESSFUL", value: "100" });
    expect(answers).toContainEqual({ endpoint: "nobody", status: "NOT_REGISTERED" });
    // The repeat may have come before the answer (it joins) or after it (it gets the same).
    const toDemo = answers.filter(({ endpoint }) => endpoint === "demo");
    expect(new Set(toDemo.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });

  it("materialises provisioning beside it", async () => {
    await startRouter();
    const document = {
      kind: "profile",
      tenant: "default",
      id: "p",
      body: { profile: { json: '{"resources":{}}' } },
    } as const;
    const outcomes = await publishRecords(fixture.bus, [document], { timeoutMs: 2000 });
    expect(outcomes).toMatchObject([{ outcome: "applied" }]);
  });

  it("lets a request live as long as the profile of its device says", async () => {
    const json = '{"resources":{},"requestExpiryMs":86400000}';
    await fixture.ports.sender.publish({
      topic: TOPICS.provisioning.name,
      key: provisioningKey("profile", "default", "quickstart"),
      value: lwm2m.v1.ProvisioningRecord.encode({ profile: { json } }).finish(),
    });
    await startRouter();
    await fixture.register("demo", await fixture.node(7, "boot-7"));
    const beforeMs = Date.now();
    await fixture.publishRequest("default/demo", READ);
    await fixture.until(() => fixture.commands.length === 1);
    expect(toSafeNumber(fixture.commands[0]?.command.deadlineMs)).toBeGreaterThanOrEqual(beforeMs + 86_400_000);
  });

  it("does not lose a request while the store is away", async () => {
    let away = true;
    const devices = new Proxy(fixture.devices, {
      get(target, name) {
        const method = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]) => {
          if (away && name === "accept") throw new StateUnavailableError("Redis is away");
          return Reflect.apply(method, target, args);
        };
      },
    });
    await startRouter({}, devices);
    await fixture.publishRequest("default/demo", READ);
    await fixture.settle();
    expect(fixture.jsonResponses).toEqual([]);
    away = false;
    await fixture.until(() => fixture.jsonResponses.length === 1);
    expect(fixture.jsonResponses[0]).toMatchObject({ requestId: "r-1", status: "NOT_REGISTERED" });
  });

  it("refuses to start with a file of sealing keys that holds none", async () => {
    await expect(startRouter({ PROVISIONING_SEALING_KEY: "short" })).rejects.toThrow(
      /PROVISIONING_SEALING_KEY_FILE: line 1 holds/,
    );
  });
});
