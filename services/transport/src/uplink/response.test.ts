import { CODE, OPTION } from "@ferry/coap";
import { createMetrics } from "@ferry/runtime";
import { MemoryDeviceStore } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { TRANSPORT_METRICS } from "../metrics.ts";
import { StoreWatch } from "../store-watch.ts";
import { answerUnknown, type UplinkResponse } from "./response.ts";

/** What a registration that the store does not know is answered; `passedMs` is time that passes. */
async function unknownIn(devices: MemoryDeviceStore): Promise<{
  answer: (passedMs: number) => Promise<UplinkResponse | undefined>;
  unanswered: () => Promise<string | undefined>;
}> {
  let nowMs = 0;
  const registry = createMetrics({ process: false });
  const metrics = registry.register(TRANSPORT_METRICS);
  const storeWatch = await StoreWatch.begin(
    devices,
    () => nowMs,
    () => {},
  );
  return {
    answer: (passedMs) => {
      nowMs += passedMs;
      return answerUnknown({ storeWatch, metrics, random: (size) => new Uint8Array(size) });
    },
    unanswered: async () => /^lwm2m_unanswered_requests_total (.*)$/m.exec(await registry.text())?.[1],
  };
}

it("A registration that a lost store does not know is left unanswered and counted until the store is restored, and then is 4.04", async () => {
  const devices = new MemoryDeviceStore({ lost: true });
  const { answer, unanswered } = await unknownIn(devices);
  expect(await answer(0)).toBeUndefined();
  expect(await answer(600_000)).toBeUndefined();
  expect(await unanswered()).toBe("2");
  await devices.markRestored((await devices.incarnation()).id);
  expect(await answer(0)).toEqual({ code: CODE.NOT_FOUND });
  expect(await unanswered()).toBe("2");
});

it("A registration that a store which nobody restores does not know is 5.03 with Max-Age after ten minutes", async () => {
  const { answer } = await unknownIn(new MemoryDeviceStore({ lost: true }));
  expect(await answer(0)).toBeUndefined();
  expect(await answer(600_001)).toMatchObject({
    code: CODE.SERVICE_UNAVAILABLE,
    options: [{ number: OPTION.MAX_AGE }],
  });
});
