import { describe, expect, it } from "@jest/globals";
import { PortInUseError } from "./errors.ts";
import { createHealth, startHealthServer } from "./health.ts";
import { createMetrics } from "./metrics.ts";

describe("readiness", () => {
  it("comes when start is complete and everything required works", () => {
    let problem: string | undefined = "no broker answers";
    const health = createHealth(60_000, () => 0);
    health.require("kafka", () => problem);
    expect(health.readiness()).toEqual({ ready: false, reasons: { service: "starting" } });
    health.started();
    expect(health.readiness()).toEqual({ ready: false, reasons: { kafka: "no broker answers" } });
    problem = undefined;
    expect(health.readiness()).toEqual({ ready: true, reasons: {} });
  });

  it("outlives an outage for the grace, with its reason shown, so that the Service is not emptied", () => {
    let nowMs = 0;
    let problem: string | undefined;
    const health = createHealth(60_000, () => nowMs);
    health.require("redis", () => problem);
    health.started();
    health.readiness();
    problem = "it hung up";
    nowMs = 60_000;
    expect(health.readiness()).toEqual({ ready: true, reasons: { redis: "it hung up" } });
    nowMs = 60_001;
    expect(health.readiness().ready).toBe(false);
    problem = undefined;
    expect(health.readiness().ready).toBe(true);
  });

  it("ends at once when the process drains", () => {
    const health = createHealth(60_000, () => 0);
    health.started();
    expect(health.readiness().ready).toBe(true);
    health.draining();
    expect(health.readiness()).toEqual({ ready: false, reasons: { service: "draining" } });
  });
});

describe("the health server", () => {
  it("answers probes and serves metrics", async () => {
    const health = createHealth(0);
    const metrics = createMetrics();
    metrics.register({ seen: { type: "counter", name: "lwm2m_seen_total", help: "Seen." } } as const).seen.inc(3);
    const server = await startHealthServer({ host: "127.0.0.1", port: 0 }, health, metrics);
    const get = (path: string, init?: RequestInit): Promise<Response> =>
      fetch(`http://127.0.0.1:${server.port}${path}`, init);
    try {
      expect((await get("/healthz")).status).toBe(200);
      expect((await get("/readyz")).status).toBe(503);
      health.started();
      const ready = await get("/readyz");
      expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: {} }]);
      const text = await (await get("/metrics")).text();
      expect(text).toContain("lwm2m_seen_total 3");
      expect(text).toContain("lwm2m_process_cpu_seconds_total");
      expect((await get("/")).status).toBe(404);
      expect((await get("/healthz", { method: "POST" })).status).toBe(405);
      const second = startHealthServer({ host: "127.0.0.1", port: server.port }, health, metrics);
      await expect(second).rejects.toThrow(PortInUseError);
    } finally {
      await server.stop();
    }
  });
});
