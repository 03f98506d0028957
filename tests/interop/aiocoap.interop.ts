import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { StreamRecord } from "@ferry/client";
import { MissingToolError, ProcessStartError } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Recording, type Stops, System, stopAll } from "../e2e/system.ts";

const ENVIRONMENT = join(import.meta.dirname, "../../.ferry/aiocoap");
const ENDPOINT = "aiocoap";
const TIMEOUT_MS = 10_000;

type Event = { readonly event: string; readonly [fact: string]: unknown };

/** `aiocoap/device.py` in a process of its own. */
class AiocoapDevice {
  readonly events: Event[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  #stderr = "";

  static async start(server: string): Promise<AiocoapDevice> {
    if (!existsSync(`${ENVIRONMENT}/.built`)) throw new MissingToolError("aiocoap", "npm run setup:test");
    const device = new AiocoapDevice(server);
    await device.next("ready");
    return device;
  }

  private constructor(server: string) {
    const script = join(import.meta.dirname, "aiocoap/device.py");
    this.#child = spawn(`${ENVIRONMENT}/bin/python`, [script, server], { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2048);
    });
    if (this.#child.stdout === null) return; // It is piped.
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.events.push(JSON.parse(line) as Event);
      for (const look of this.#waiting) look();
    });
  }

  send(command: string, facts: object = {}): void {
    this.#child.stdin?.write(`${JSON.stringify({ command, ...facts })}\n`);
  }

  /** Awaits an event that comes after the first `after` ones. @throws {ProcessStartError} it does not come */
  async next(name: string, after = 0, matches: (event: Event) => boolean = () => true): Promise<Event> {
    const find = (): Event | undefined => this.events.slice(after).find((it) => it.event === name && matches(it));
    const { promise, resolve } = Promise.withResolvers<Event | undefined>();
    const look = (): void => {
      const found = find();
      if (found !== undefined) resolve(found);
    };
    const timer = setTimeout(() => resolve(undefined), TIMEOUT_MS);
    this.#waiting.add(look);
    look();
    const found = await promise;
    clearTimeout(timer);
    this.#waiting.delete(look);
    if (found === undefined) throw new ProcessStartError(`no "${name}" from aiocoap: ${this.#stderr}`);
    return found;
  }

  /** Sends a request of its own; the answer. */
  async answerTo(command: string, query = ""): Promise<Event> {
    const { length } = this.events;
    this.send(command, { query });
    return this.next("answered", length);
  }

  async stop(): Promise<void> {
    const exited = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.kill("SIGKILL");
    await exited;
  }
}

describe("a client by hand on aiocoap", () => {
  const stops: Stops = [];
  let system: System;
  let device: AiocoapDevice;
  let lifecycle: Recording;
  let attributes: Recording;
  let telemetry: Recording;

  beforeAll(async () => {
    system = await System.start({ name: "aiocoap", transportEnv: { LWM2M_REACHABILITY_MODE: "vip" } });
    stops.push(() => system.stop());
    const transport = await system.run("transport", "transport-0");
    const router = await system.run("rpc-router", "rpc-router");
    await Promise.all([transport.started, router.started]);
    await system.provision([join(import.meta.dirname, "provisioning")]);
    [lifecycle, attributes, telemetry] = await Promise.all([
      system.follow("lifecycle"),
      system.follow("attributes"),
      system.follow("telemetry"),
    ]);
    device = await AiocoapDevice.start(`coap://127.0.0.1:${transport.coapPort}`);
    stops.push(() => device.stop());
  }, 90_000);

  afterAll(() => stopAll(stops), 60_000);

  /** Asks the device by a request on Kafka. */
  const ask = (method: string, params: object) =>
    system.client.rpc({ endpoint: ENDPOINT, method, params: JSON.stringify(params), timeoutMs: TIMEOUT_MS });

  /** The next record of a stream after `act`, of those that match. */
  async function recordAfter(
    stream: Recording,
    act: () => unknown,
    matches: (value: StreamRecord["value"]) => boolean,
  ): Promise<StreamRecord["value"]> {
    const past = new Set(stream.records);
    await act();
    return (await stream.waitFor((record) => !past.has(record) && matches(record.value))).value;
  }

  const isEvent =
    (name: string) =>
    ({ event }: StreamRecord["value"]): boolean =>
      event === `LIFECYCLE_EVENT_${name}`;

  it("a Register of an endpoint that nobody provisioned is refused with 4.03", async () => {
    const refused = await recordAfter(
      lifecycle,
      async () => expect(await device.answerTo("register", "ep=stranger&lwm2m=1.1")).toMatchObject({ code: "4.03" }),
      isEvent("REFUSED"),
    );
    expect(refused).toMatchObject({ context: { endpoint: "stranger" }, reason: expect.any(String) });
  });

  it("a binding mode that does not exist is refused with 4.00 and the reason", async () => {
    expect(await device.answerTo("register", `ep=${ENDPOINT}&lwm2m=1.1&b=UX`)).toMatchObject({
      code: "4.00",
      diagnostic: 'b "UX" is no binding mode of LwM2M 1.1',
    });
  });

  it.each([
    ["LightweightM2M-1.1-int-108: Q turns on queue mode", "b=U&Q"],
    ["a Q in the binding, as of LwM2M 1.0, turns on queue mode", "b=UQ"],
  ])("%s", async (_, query) => {
    const { registration } = await recordAfter(
      lifecycle,
      async () =>
        expect(await device.answerTo("register", `ep=${ENDPOINT}&lt=300&lwm2m=1.1&${query}`)).toMatchObject({
          code: "2.01",
        }),
      isEvent("REGISTERED"),
    );
    expect(registration).toMatchObject({ bindingMode: "U", queueMode: true, lifetimeS: 300 });
  });

  it("a value that comes block-wise is one attribute", async () => {
    const { value } = await attributes.waitFor(({ value: it }) => JSON.stringify(it).includes('"manufacturer"'));
    expect(value).toMatchObject({ attributes: [{ value: { string: "aiocoap ".repeat(400) } }] });
  });

  it("notifications are telemetry, and stop after ObserveCancel", async () => {
    // Behind what its profile has asked it for since it registered the second time.
    expect(await ask("Read", { id: "/3/0/9" })).toMatchObject({ result: "CONTENT" });
    await device.next("observed", 0, ({ path, observers }) => path === "/3/0/9" && observers === 1);
    const notified = await recordAfter(
      telemetry,
      () => device.send("set", { path: "/3/0/9", value: "41" }),
      ({ source }) => source === "VALUE_SOURCE_NOTIFY",
    );
    expect(notified).toMatchObject({ samples: [{ key: "batteryLevel", value: { int64: "41" } }] });

    expect(await ask("ObserveCancel", { key: "batteryLevel" })).toMatchObject({ result: "CONTENT", value: "1" });
    const { length } = device.events;
    device.send("set", { path: "/3/0/9", value: "40" });
    // The end of the observation of its first registration may be told of just before.
    await device.next("observed", length, ({ path, observers }) => path === "/3/0/9" && observers === 0);
  });

  it("Read, WriteReplace and Execute go in the one format that it announces, plain text", async () => {
    expect(await ask("Read", { id: "/3/0/9" })).toMatchObject({
      value: "LwM2mSingleResource [id=9, value=40, type=INTEGER]",
    });
    const { length } = device.events;
    expect(await ask("WriteReplace", { id: "/3/0/14", value: "+05" })).toMatchObject({ result: "CHANGED" });
    expect(await device.next("written", length)).toMatchObject({ value: "+05", contentFormat: 0 });
    expect(await ask("Execute", { id: "/3/0/4", value: "1" })).toMatchObject({ result: "CHANGED" });
    expect(await device.next("executed", length)).toMatchObject({ arguments: "1" });
  });

  it("an Update changes the lifetime, and a Deregister ends the registration", async () => {
    const updated = await recordAfter(
      lifecycle,
      async () => expect(await device.answerTo("update", "lt=60")).toMatchObject({ code: "2.04" }),
      isEvent("UPDATED"),
    );
    expect(updated).toMatchObject({ registration: { lifetimeS: 60, queueMode: true } });
    await recordAfter(
      lifecycle,
      async () => expect(await device.answerTo("deregister")).toMatchObject({ code: "2.02" }),
      isEvent("DEREGISTERED"),
    );
    expect(await device.answerTo("update")).toMatchObject({ code: "4.04" });
    expect(await ask("Read", { id: "/3/0/9" })).toMatchObject({ status: "NOT_REGISTERED" });
  });
});
