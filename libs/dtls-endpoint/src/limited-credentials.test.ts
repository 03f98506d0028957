import { ALERT, type Answer } from "@ferry/dtls";
import { createMetrics } from "@ferry/runtime";
import { describe, expect, it } from "@jest/globals";
import type { DeviceCredentials } from "./device-credentials.ts";
import { LimitedCredentials } from "./limited-credentials.ts";
import { DTLS_METRICS } from "./metrics.ts";

const NOBODY: Answer = { type: "refused", alert: ALERT.UNKNOWN_CA, reason: "nobody's" };
const METER: Answer = { type: "principal", principal: "X509\ndefault\nmeter-1\n0" };

/** Two certificates a second; a chain of one is a device's. */
function limited(): {
  readonly credentials: DeviceCredentials;
  readonly metrics: () => Promise<string>;
  nowMs: number;
} {
  const registry = createMetrics({ process: false });
  const known: DeviceCredentials = {
    psk: async () => ({ type: "none" }),
    rawPublicKey: async () => NOBODY,
    certificate: async (chain) => (chain.length === 1 ? METER : NOBODY),
    isCurrent: async () => true,
  };
  const test = { nowMs: 0, metrics: () => registry.text() };
  const limit = [{ capacity: 2, periodMs: 1000 }];
  const metrics = registry.register(DTLS_METRICS);
  return Object.assign(test, { credentials: new LimitedCredentials(known, limit, () => test.nowMs, metrics) });
}

describe("certificates that are nobody's", () => {
  const leaf = new Uint8Array(1);

  it("are looked for as often as the limit says, and counted beyond it", async () => {
    const test = limited();
    const show = () => test.credentials.certificate([leaf, leaf]);
    expect([await show(), await show(), await show()]).toEqual([NOBODY, NOBODY, { type: "unavailable" }]);
    expect(await test.metrics()).toContain('lwm2m_dtls_lookups_total{outcome="limited"} 1');
    test.nowMs = 500;
    expect(await show()).toEqual(NOBODY);
  });

  it("leave those of devices, which do not count, their turn", async () => {
    const { credentials } = limited();
    for (let index = 0; index < 5; index++) expect(await credentials.certificate([leaf])).toEqual(METER);
  });

  it("take nothing from keys", async () => {
    const { credentials } = limited();
    for (let index = 0; index < 3; index++) await credentials.certificate([leaf, leaf]);
    expect(await credentials.rawPublicKey(leaf)).toEqual(NOBODY);
    expect(await credentials.psk(leaf)).toEqual({ type: "none" });
  });
});
