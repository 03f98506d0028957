import { describe, expect, it } from "@jest/globals";
import { createMetrics } from "./metrics.ts";

const TABLE = {
  dropped: {
    type: "counter",
    name: "lwm2m_dropped_total",
    help: "Datagrams that were not used.",
    labels: { reason: ["malformed", "version"] },
  },
  devices: { type: "gauge", name: "lwm2m_devices", help: "Devices owned." },
  latency: { type: "histogram", name: "lwm2m_ack_seconds", help: "Datagram to ACK.", buckets: [0.01, 0.1] },
} as const;

describe("declared metrics", () => {
  it("are all there from the start, at 0", async () => {
    const metrics = createMetrics({ process: false });
    metrics.register(TABLE);
    const text = await metrics.text();
    expect(text).toContain("# HELP lwm2m_dropped_total Datagrams that were not used.");
    expect(text).toContain('lwm2m_dropped_total{reason="malformed"} 0');
    expect(text).toContain('lwm2m_dropped_total{reason="version"} 0');
    expect(text).toContain("lwm2m_devices 0");
    expect(text).toContain("lwm2m_ack_seconds_count 0");
  });

  it("count, measure and ask", async () => {
    const metrics = createMetrics({ process: false });
    const { dropped, devices, latency } = metrics.register(TABLE);
    const malformed = dropped.with({ reason: "malformed" });
    malformed.inc();
    malformed.inc(2);
    devices.collect(() => 7);
    latency.observe(0.05);
    await metrics.text();
    const text = await metrics.text();
    expect(text).toContain('lwm2m_dropped_total{reason="malformed"} 3');
    expect(text).toContain("lwm2m_devices 7");
    expect(text).toContain('lwm2m_ack_seconds_bucket{le="0.1"} 1');
  });

  it("refuse a label outside the closed set", () => {
    const { dropped } = createMetrics({ process: false }).register(TABLE);
    expect(() => dropped.with({ reason: "other" as "version" })).toThrow(TypeError);
  });
});
