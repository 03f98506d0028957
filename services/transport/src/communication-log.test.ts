import { CODE, uriPath } from "@ferry/coap";
import { TOPICS } from "@ferry/proto";
import { NO_SEC } from "@ferry/state";
import { afterEach, describe, expect, it } from "@jest/globals";
import { TRANSPORT_LOG_KEY } from "./communication-log.ts";
import { TRANSPORT_CONFIG } from "./config.ts";
import {
  collect,
  locationOf,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  register,
  type System,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "./transport-fixture.ts";

afterEach(stopAll);

const RESOURCES = {
  "/3/0/9": { key: "batteryLevel", telemetry: true, observe: true },
  "/3/0/0": { key: "manufacturer", attribute: true },
  "/3/0/1": { key: "modelNumber", attribute: true },
};

interface Line {
  readonly text: string;
  readonly timeMs: number;
}

/** The lines that are told, as they come. */
function collectLines({ bus }: System): () => readonly Line[] {
  const telemetry = collect(bus, TOPICS.telemetry);
  return () =>
    telemetry
      .flatMap(({ samples }) => samples ?? [])
      .filter(({ key }) => key === TRANSPORT_LOG_KEY)
      .map(({ value, timeMs }) => ({ text: value?.string ?? "", timeMs: Number(timeMs) }));
}

/** A device's story: it registers, is observed and read, updates and leaves. Register's answer names its path. */
async function tell(device: TestDevice, lines: () => readonly Line[]): Promise<string> {
  const location = locationOf(await register(device));
  await until(() => device.requests.length >= 3, "the requests");
  await device.request(CODE.POST, location, []);
  await device.request(CODE.DELETE, location, []);
  await until(() => lines().some(({ text }) => text === "info: Client unRegistration"), "the last line");
  return location.slice("/rd/".length);
}

async function start(
  profile: object,
  settings: Parameters<typeof startNode>[1] = {},
): Promise<{
  device: TestDevice;
  lines: () => readonly Line[];
  system: System;
  metric: (series: string) => Promise<number>;
}> {
  const system = memorySystem();
  await provision(system);
  await publishProfile(system, profile);
  const { metric, ...node } = await startNode(system, settings);
  return { device: await openDevice(node), lines: collectLines(system), system, metric };
}

describe("the communication log", () => {
  it("full: has the reference's lines for registration, requests, answers, Update and Deregister", async () => {
    const { device, lines } = await start({ resources: RESOURCES });
    const id = await tell(device, lines);
    const texts = lines().map(({ text }) => text.replace(/127\.0\.0\.1:\d+/, "PEER"));
    expect(texts[0]).toBe(
      `info: Endpoint [ep-1] Client registered with registration id: [${id}] LwM2mVersion: [1.1], SupportedObjectIdVer [{1=1.1, 3=1.1}] QueueMode [false], BindingMode [U]\n`,
    );
    expect(texts).toEqual(
      expect.arrayContaining([
        `[${id}][/PEER] Sending request: ObserveRequest to /3/0/9`,
        `[${id}][/PEER] Sending request: ReadRequest to /3/0/0`,
        expect.stringMatching(/^\[info\]: ReadRequest \[\/3_1\.1\/0\/0\] successful\. Result: CONTENT/),
        expect.stringMatching(
          /^\[error\]: ReadRequest \[\/3_1\.1\/0\/1\] failed to process successful\. Result: NOT_FOUND/,
        ),
        `[${id}][/PEER] Updated registration.`,
        "info: Client unRegistration",
      ]),
    );
  });

  it("full and summary: has the reference's lines for a Register, an Update and a Deregister that fail, with what is wrong", async () => {
    const { device, lines, system } = await start(
      { resources: RESOURCES, transportLog: "summary" },
      { limits: { device: "3:7200", tenant: "", lookups: "", logLines: "" } },
    );
    const location = locationOf(await register(device));
    await register(device, "ep-1", "9.0");
    await register(device, "ep-1", "1.1", "what?");
    await register(device, "nobody");
    await device.request(CODE.POST, location, ["lt=-1"]);
    const registrationId = location.slice("/rd/".length);
    await system.state.devices.deregister({
      registrationId,
      node: { slot: 0, bootId: "" },
      sender: NO_SEC,
      nowMs: Date.now(),
    });
    await device.request(CODE.POST, location, []);
    await device.request(CODE.DELETE, location, []);
    await device.request(CODE.POST, location, []);
    await device.request(CODE.POST, location, []);
    await device.request(CODE.POST, location, []);
    const told = (): string[] => lines().flatMap(({ text }) => (/^(warn|error): Client/.test(text) ? text : []));
    await until(() => told().length >= 8, "the failures");
    expect(told()).toEqual([
      'warn: Client registration failed due to: lwm2m "9.0" is not served: 1.0, 1.1, 1.2 are',
      expect.stringMatching(/^warn: Client registration failed due to: link format: /),
      'error: Client update Registration, lt "-1" is not in 1..2147483648',
      "error: Client update Registration, the registration is unknown or has ended",
      "error: Client Unable un Registration, the registration is unknown or has ended",
      "error: Client update Registration, the registration is unknown or has ended",
      "error: Client update Registration, the registration is unknown or has ended",
      "error: Client update Registration, it is beyond a rate limit",
    ]);
  });

  it("full and summary: has the reference's lines for a request that nobody answers and for an answer that makes no sense", async () => {
    const coap = { ...TRANSPORT_CONFIG.load({ env: {} }).coap, host: "127.0.0.1", port: 0 };
    const settings = { transportLog: "summary", coap: { ...coap, ackTimeoutMs: 20, maxRetransmit: 0 } } as const;
    const { device, lines } = await start({ resources: RESOURCES }, settings);
    const answer = device.answer;
    device.answer = (request) => {
      const path = uriPath(request.options).join("/");
      if (path === "3/0/0") return "silent";
      return path === "3/0/9" ? { code: CODE.CONTENT, payload: "full", observe: true } : answer(request);
    };
    await register(device);
    const texts = (): readonly string[] => lines().map(({ text }) => text);
    await until(() => texts().some((text) => text.includes("processing failed")), "the line of the silence");
    expect(texts()).toEqual(
      expect.arrayContaining([
        "[error]: Request [/3_1.1/0/0] processing failed. Reason: timeout",
        expect.stringMatching(/^\[error\]: Request \[\/3_1\.1\/0\/9\] validation failed\. Reason: ./),
      ]),
    );
  });

  it("summary: has registration, Update, Deregister and failures, and no request or answer that is well", async () => {
    const { device, lines } = await start({ resources: RESOURCES, transportLog: "summary" });
    await tell(device, lines);
    const texts = lines().map(({ text }) => text);
    expect(texts.some((text) => text.includes("Sending request"))).toBe(false);
    expect(texts.some((text) => text.startsWith("[info]: "))).toBe(false);
    expect(texts.filter((text) => text.startsWith("info: "))).toHaveLength(2);
    expect(texts.some((text) => text.endsWith("Updated registration."))).toBe(true);
    expect(texts.some((text) => text.startsWith("[error]: ReadRequest"))).toBe(true);
  });

  it("off by the profile: has nothing, whatever the server's setting", async () => {
    const { device, lines } = await start({ resources: RESOURCES, transportLog: "off" }, { transportLog: "full" });
    const location = locationOf(await register(device));
    await until(() => device.requests.length >= 3, "the requests");
    await device.request(CODE.DELETE, location, []);
    expect(lines()).toEqual([]);
  });

  it("by the server's setting where the profile says nothing", async () => {
    const { device, lines } = await start({ resources: RESOURCES }, { transportLog: "summary" });
    await tell(device, lines);
    expect(lines().some(({ text }) => text.includes("Sending request"))).toBe(false);
  });

  it("gives each line a ms of its own, for a time series has one value a ms", async () => {
    const { device, lines } = await start({ resources: RESOURCES });
    await tell(device, lines);
    const times = lines().map(({ timeMs }) => timeMs);
    expect(new Set(times).size).toBe(times.length);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });

  it("cuts a line at 1024 characters and leaves angle brackets out", async () => {
    const { device, lines } = await start({ resources: RESOURCES });
    const answer = device.answer;
    device.answer = (request) => {
      const answered = answer(request);
      return answered === "silent" || answered.code !== CODE.NOT_FOUND
        ? answered
        : { code: CODE.NOT_FOUND, payload: `<no>${"x".repeat(2000)}` };
    };
    await tell(device, lines);
    const failed = lines().find(({ text }) => text.startsWith("[error]: ReadRequest"));
    expect(failed?.text).toHaveLength(1024);
    expect(failed?.text).toContain("NOT_FOUND nox");
  });

  it("beyond its own rate limit leaves lines out, and says how many with the next that passes", async () => {
    const limits = { device: "", tenant: "", lookups: "", logLines: "2:1" };
    const { device, lines, metric } = await start({ resources: RESOURCES }, { limits });
    const location = locationOf(await register(device));
    await until(() => device.requests.length >= 3, "the requests");
    await until(() => lines().length >= 2, "the lines that pass");
    const leftOut = "lwm2m_transport_log_left_out_total";
    while ((await metric(leftOut)) === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    const told = (): readonly string[] =>
      lines()
        .map(({ text }) => text)
        .filter((text) => text.startsWith("warn: "));
    while (told().length === 0) {
      await device.request(CODE.POST, location, []);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(told()[0]).toMatch(/^warn: [1-9]\d* lines of this log were left out: at most 2:1 are told/);
  });
});
