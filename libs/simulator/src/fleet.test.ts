import { randomBytes } from "node:crypto";
import { CODE, OPTION, stringOption, type TransmissionParameters, uintOption } from "@ferry/coap";
import { DTLS_KEYS, DtlsAnswers, type MinimalDtls, makeDtlsServer, startMinimalServer } from "@ferry/testing";
import { afterEach, describe, expect, it } from "@jest/globals";
import type { DeviceEvent } from "./device-io.ts";
import { type Fleet, type FleetOptions, runFleet, startFleet } from "./fleet.ts";
import type { DeviceSecurity } from "./secured-device.ts";
import { countingSignal } from "./signals.ts";

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function server(dtls?: MinimalDtls): Promise<Awaited<ReturnType<typeof startMinimalServer>>> {
  const started = await startMinimalServer(dtls);
  open.push(() => started.close());
  return started;
}

async function fleet(options: FleetOptions): Promise<Fleet> {
  const started = await startFleet(options);
  open.push(() => started.stop());
  return started;
}

/** Waits until `holds`, for 10 s at most. */
async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !holds(); tries++) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(holds()).toBe(true);
}

const path = [3303, 0, 5700];
const observe = [uintOption(OPTION.OBSERVE, 0), ...path.map((id) => stringOption(OPTION.URI_PATH, String(id)))];

describe("a fleet", () => {
  it("registers all its devices over UDP, each from a socket of its own, and deregisters them when it stops", async () => {
    const lwm2m = await server();
    const started = await fleet({
      server: { host: "127.0.0.1", port: lwm2m.port },
      count: 20,
      registrationsPerSecond: 1000,
    });
    await started.started;
    await until(() => started.progress.registered === 20);
    expect(new Set([...lwm2m.registrations.values()].map(({ peer }) => peer)).size).toBe(20);
    await started.stop();
    open.pop();
    expect(lwm2m.registrations.size).toBe(0);
    expect(started.progress).toMatchObject({ registrations: 20, deregistrations: 20, registered: 0 });
  });

  it("sends from loopback addresses of its own when told so", async () => {
    const lwm2m = await server();
    const started = await fleet({ server: { host: "127.0.0.1", port: lwm2m.port }, count: 2, ownAddresses: true });
    await until(() => started.progress.registered === 2);
    expect([...lwm2m.registrations.values()].map(({ peer }) => peer.split(":")[0])).toEqual([
      "127.16.0.1",
      "127.16.0.2",
    ]);
  });

  it("gets every numbered value acknowledged over a link that loses, doubles and delays", async () => {
    const lwm2m = await server();
    const delivered: number[] = [];
    const onEvent = (_: string, event: DeviceEvent): void => {
      const [node] = event.type === "delivered" ? event.nodes : [];
      if (node?.type === "singleResource") delivered.push(Number(node.value.value));
    };
    const started = await fleet({
      server: { host: "127.0.0.1", port: lwm2m.port },
      count: 1,
      endpoint: "demo",
      device: () => ({
        signals: [countingSignal(path, 30)],
        transmission: { ackTimeoutMs: 50 },
      }),
      impairment: { lossRate: 0.1, duplicateRate: 0.1, maxDelayMs: 5, seed: 1 },
      onEvent,
    });
    await until(() => started.progress.registered === 1);
    expect(await lwm2m.request("demo", { code: CODE.GET, options: observe })).toMatchObject({ code: CODE.CONTENT });
    await until(() => delivered.length >= 10);
    expect(delivered).toEqual([...delivered].sort((a, b) => a - b));
    expect(started.progress).toMatchObject({ observations: 1, served: 1, refused: 0 });
  });

  it("tells how far it is until it is aborted, and ends clean", async () => {
    const lwm2m = await server();
    const abort = new AbortController();
    const reports: number[] = [];
    const options = { server: { host: "localhost", port: lwm2m.port }, count: 3, signal: abort.signal };
    const done = runFleet(
      options,
      ({ registered }) => {
        reports.push(registered);
        if (registered === 3) abort.abort();
      },
      20,
    );
    expect(await done).toMatchObject({ devices: 3, registrations: 3, deregistrations: 3, registered: 0 });
    expect(reports.at(-1)).toBe(3);
  });
});

describe("a fleet behind DTLS", () => {
  /** A server that knows sim-0 to sim-19 by their shared keys, and a fleet of as many as told. */
  async function securedFleet(
    count: number,
    security: Omit<DeviceSecurity, "credential">,
    transmission: Partial<TransmissionParameters> = {},
  ): Promise<{ lwm2m: Awaited<ReturnType<typeof server>>; started: Fleet }> {
    const answers = new DtlsAnswers();
    for (let index = 0; index < 20; index++) answers.addPsk(`sim-${index}`);
    const lwm2m = await server({ answers, server: makeDtlsServer({ random: randomBytes, wallMs: () => Date.now() }) });
    const started = await fleet({
      server: { host: "127.0.0.1", port: lwm2m.port },
      count,
      registrationsPerSecond: 1000,
      device: () => ({ transmission }),
      security: (endpoint) => ({
        ...security,
        credential: { type: "psk", identity: Buffer.from(endpoint), key: DTLS_KEYS.psk },
      }),
    });
    await until(() => started.progress.registered === count);
    return { lwm2m, started };
  }

  it("registers all its devices, one handshake each, and deregisters them when it stops", async () => {
    const { lwm2m, started } = await securedFleet(20, { ownCidLengthBytes: 0 });
    expect(lwm2m.registrations.size).toBe(20);
    await started.stop();
    open.pop();
    expect(lwm2m.registrations.size).toBe(0);
    expect(started.progress).toMatchObject({
      handshakes: 20,
      resumptions: 0,
      handshakeFailures: 0,
      deregistrations: 20,
    });
  });

  it("goes on from a new source port without a handshake when it has Connection IDs", async () => {
    const { lwm2m, started } = await securedFleet(1, { ownCidLengthBytes: 0 });
    await started.rebind("sim-0");
    started.handle("sim-0", { type: "update" });
    await until(() => lwm2m.updates === 1);
    expect(started.progress).toMatchObject({ handshakes: 1, resumptions: 0, registrations: 1 });
  });

  it("resumes its session from a new source port when it has none", async () => {
    const { started } = await securedFleet(1, {}, { ackTimeoutMs: 50, maxRetransmit: 2 });
    await started.rebind("sim-0");
    started.handle("sim-0", { type: "update" });
    await until(() => started.progress.unanswered === 1);
    started.handle("sim-0", { type: "register" });
    await until(() => started.progress.registrations === 2);
    expect(started.progress).toMatchObject({ handshakes: 1, resumptions: 1, unanswered: 1 });
  });

  it("makes a full handshake and registers anew when a device is switched off and on", async () => {
    const { lwm2m, started } = await securedFleet(1, { ownCidLengthBytes: 0 });
    const { registrationId } = lwm2m.registrations.get("sim-0") ?? {};
    started.reboot("sim-0");
    expect(started.progress.registered).toBe(0);
    await until(() => started.progress.registered === 1);
    expect(started.progress).toMatchObject({ handshakes: 2, resumptions: 0, registrations: 2 });
    expect(lwm2m.registrations.get("sim-0")?.registrationId).not.toBe(registrationId);
  });
});
