import { describe, expect, it } from "@jest/globals";
import { pino } from "pino";
import { createShutdown } from "./shutdown.ts";

const logger = pino({ level: "silent" });

describe("shutdown", () => {
  it("stops what was started last first, one after the other, and once", async () => {
    const order: string[] = [];
    const shutdown = createShutdown(logger, 1000);
    for (const name of ["redis", "kafka", "transport"]) {
      shutdown.onStop(name, async () => {
        await Promise.resolve();
        order.push(name);
      });
    }
    expect(shutdown.signal.aborted).toBe(false);
    const [first, second] = [shutdown.stop(), shutdown.stop()];
    expect(shutdown.signal.aborted).toBe(true);
    expect(await first).toBe(true);
    expect(await second).toBe(true);
    expect(order).toEqual(["transport", "kafka", "redis"]);
  });

  it("goes on after a step that fails, and says so", async () => {
    const order: string[] = [];
    const shutdown = createShutdown(logger, 1000);
    shutdown.onStop("redis", () => void order.push("redis"));
    shutdown.onStop("kafka", () => Promise.reject(new TypeError("gone")));
    expect(await shutdown.stop()).toBe(false);
    expect(order).toEqual(["redis"]);
  });

  it("tells a step that its time is up, and does not wait for it", async () => {
    const shutdown = createShutdown(logger, 20);
    let told = false;
    shutdown.onStop("kafka", (signal) => {
      signal.addEventListener("abort", () => {
        told = true;
      });
      return new Promise(() => {});
    });
    expect(await shutdown.stop()).toBe(false);
    expect(told).toBe(true);
  });
});
