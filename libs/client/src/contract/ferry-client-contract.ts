import { MemoryBus } from "@ferry/bus/memory";
import { lwm2m } from "@ferry/proto";
import type { ProvisioningDocument } from "@ferry/provisioning";
import { MemoryBootstrapStore } from "@ferry/state/memory";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { NoAnswerError } from "../errors.ts";
import type { FerryClient, StreamRecord } from "../ferry-client.ts";
import { Responder, TOPIC_PREFIX } from "./responder.ts";

/** The client under test. */
export interface ClientHarness {
  /** Makes a client of the Ferry that is on this bus, with this topic prefix, and remembers bootstraps there. */
  connect(bus: MemoryBus, topicPrefix: string, bootstraps: MemoryBootstrapStore): Promise<FerryClient>;
}

const PATIENCE_MS = 5_000;

const ROUNDED = "value has a number beyond 2^53, whose digits JavaScript rounds: write it as text";

const PROFILE: ProvisioningDocument = {
  kind: "profile",
  tenant: "default",
  id: "meter",
  body: { profile: { json: JSON.stringify({ resources: { "/3/0/9": { key: "batteryLevel" } } }) } },
};

/** What every way to a running Ferry must do. */
export function describeFerryClient(name: string, { connect }: ClientHarness): void {
  describe(`the client contract on ${name}`, () => {
    let bus: MemoryBus;
    let responder: Responder;
    let client: FerryClient;

    const start = async (): Promise<void> => {
      bus = new MemoryBus();
      responder = new Responder(bus);
      await responder.start();
      client = await connect(bus, TOPIC_PREFIX, responder.bootstraps);
    };
    const stop = async (): Promise<void> => {
      await client.stop();
      await bus.stop();
    };

    describe("rpc", () => {
      beforeAll(start);
      afterAll(stop);
      const read = (endpoint: string, more: object = {}) =>
        client.rpc({ endpoint, method: "Read", timeoutMs: PATIENCE_MS, ...more });

      it("resolves with the final answer", async () => {
        expect(await read("demo", { params: { id: "/3/0/9" } })).toMatchObject({
          tenant: "default",
          endpoint: "demo",
          status: "SUCCESSFUL",
          result: "CONTENT",
          value: "value of demo",
        });
      });

      it("resolves with an answer that is not a success: that is no error", async () => {
        expect(await read("offline")).toMatchObject({
          status: "NOT_REGISTERED",
          error: "The device is not registered",
        });
      });

      it("gives each of many callers the answer to their own request", async () => {
        const endpoints = Array.from({ length: 20 }, (_, index) => `ep-${index}`);
        const answers = await Promise.all(endpoints.map((endpoint) => read(endpoint)));
        expect(answers.map(({ value }) => value)).toEqual(endpoints.map((endpoint) => `value of ${endpoint}`));
        expect(new Set(answers.map(({ requestId }) => requestId)).size).toBe(20);
      });

      it("hands parameters on as they are given, text as text, so that 64-bit numbers stay exact", async () => {
        await read("as-object", { params: { id: "/3/0/9" }, failFast: true });
        await read("as-text", { params: '{"value":9007199254740993}', tenant: "acme" });
        const of = (endpoint: string) => responder.requests.find((request) => request.endpoint === endpoint);
        expect(of("as-object")).toMatchObject({ method: "Read", params: { id: "/3/0/9" }, failFast: true });
        expect(of("as-text")).toMatchObject({ tenant: "acme", params: '{"value":9007199254740993}' });
      });

      it("hands on how the request is to be treated", async () => {
        const treatment = { oneWay: true, persistent: true, retries: 2 };
        await read("treated", treatment);
        expect(responder.requests.find(({ endpoint }) => endpoint === "treated")).toMatchObject(treatment);
      });

      it("resolves though others publish answers that are none", async () => {
        await read("demo");
        for (const value of ["null", "5", "{"]) {
          await responder.publish("rpcResponse", "default/demo", Buffer.from(value), {
            "content-type": "application/json",
          });
        }
        expect(await read("demo")).toMatchObject({ status: "SUCCESSFUL" });
      });

      it("rejects with NoAnswerError when nobody answers within the expiry and a grace", async () => {
        await expect(read("silent", { timeoutMs: 1 })).rejects.toThrow(NoAnswerError);
      });
    });

    describe("desire", () => {
      beforeAll(start);
      afterAll(stop);

      it("publishes what a resource is to be, and a tombstone for null", async () => {
        const device = { tenant: "acme", endpoint: "meter/1" };
        await client.desire({ endpoint: "demo", key: "utcOffset", value: "+02" });
        await client.desire({ ...device, key: "limits", value: { 0: 1.5, 1: "18446744073709551615" } });
        await client.desire({ ...device, key: "limits", value: null });
        expect(await responder.desiredAfter(3)).toEqual([
          ["default/demo/utcOffset", '{"value":"+02"}'],
          ["acme/meter/1/limits", '{"value":{"0":1.5,"1":"18446744073709551615"}}'],
          ["acme/meter/1/limits", undefined],
        ]);
      });

      it.each([
        ["key", { key: "a/b", value: 1 }, "key must not contain a /"],
        ["value", { key: "a", value: "x".repeat(65_536) }, "value must not be longer than 65536 bytes"],
        ["value", { key: "a", value: 2 ** 53 }, ROUNDED],
        ["value", { key: "a", value: { 0: 1, 1: -(2 ** 63) } }, ROUNDED],
      ])("refuses what no consumer would take as it was meant, naming the %s", async (_, desired, message) => {
        const refused = client.desire({ endpoint: "demo", ...desired });
        await expect(refused).rejects.toMatchObject({ name: "InvalidValueError", message });
        expect(responder.desired.filter(([key]) => key.startsWith("default/demo/a"))).toEqual([]);
      });
    });

    describe("devices", () => {
      beforeAll(start);
      afterAll(stop);

      it("lists who is registered now, by tenant and endpoint", async () => {
        for (const [tenant, endpoint] of [
          ["default", "b"],
          ["default", "a"],
          ["acme", "c"],
          ["default", "gone"],
        ] as const) {
          await responder.register(tenant, endpoint);
        }
        await responder.publish("deviceState", "default/gone", null);
        const names = (devices: Awaited<ReturnType<FerryClient["devices"]>>) =>
          devices.map(({ tenant, endpoint }) => `${tenant}/${endpoint}`);
        expect(names(await client.devices())).toEqual(["acme/c", "default/a", "default/b"]);
        expect(names(await client.devices("acme"))).toEqual(["acme/c"]);
        expect((await client.devices("acme"))[0]).toEqual({
          tenant: "acme",
          endpoint: "c",
          registrationId: "id-c",
          lwm2mVersion: "1.1",
          profile: "meter",
          peer: "192.0.2.1:5683",
          lifetimeS: 300,
          registeredAtMs: 1_700_000_000_000,
          securityMode: "NO_SEC",
        });
      });

      it("shows one, with its observations, and the DTLS association by which it was heard", async () => {
        const context = { node: "transport-3", ingestTimeMs: 1_700_000_009_000 };
        const observations = [
          { paths: ["/3/0/9"] },
          { paths: ["/3/0/7", "/3/0/8"] },
          { paths: ["/3/0/1"], cancelled: true },
        ];
        const association = {
          suite: "TLS_PSK_WITH_AES_128_CCM_8",
          hasCid: true,
          createdAtMs: 1_700_000_001_000,
        };
        await responder.register("acme", "meter/1", { context, observations, association }, "PSK");
        expect(await client.device("meter/1", "acme")).toEqual({
          tenant: "acme",
          endpoint: "meter/1",
          registrationId: "id-meter/1",
          lwm2mVersion: "1.1",
          profile: "meter",
          peer: "192.0.2.1:5683",
          lifetimeS: 300,
          registeredAtMs: 1_700_000_000_000,
          securityMode: "PSK",
          bindingMode: "",
          queueMode: false,
          objectLinks: "",
          observations: [["/3/0/9"], ["/3/0/7", "/3/0/8"]],
          node: "transport-3",
          toldAtMs: 1_700_000_009_000,
          association,
        });
      });

      it("shows nothing of a device that is not registered, or is another tenant's", async () => {
        await responder.register("default", "x");
        await responder.publish("deviceState", "default/x", null);
        await responder.register("acme", "theirs");
        expect([await client.device("x"), await client.device("theirs")]).toEqual([undefined, undefined]);
      });
    });

    describe("bootstrap", () => {
      beforeAll(start);
      afterAll(stop);
      const { BootstrapStep: Step, BootstrapResult: Result } = lwm2m.v1;
      const step = (
        [tenant, endpoint]: readonly [string, string],
        sessionId: string,
        timeMs: number,
        more: lwm2m.v1.BootstrapRecord.$Properties,
      ): Promise<void> => {
        const context = { tenant, endpoint, node: "bootstrap-64", ingestTimeMs: timeMs };
        return responder.bootstrap({ tenant, endpoint }, { context, sessionId, ...more });
      };
      const servers = [{ shortServerId: 123, uri: "coaps://lwm2m.example.org:5686", securityMode: "PSK" }];

      it("shows the last one of a device: its steps, how it ended, and the servers that it got", async () => {
        const device = ["acme", "meter/1"] as const;
        await step(device, "old", 1, { step: Step.BOOTSTRAP_STEP_STARTED });
        await step(device, "new", 2, {
          step: Step.BOOTSTRAP_STEP_STARTED,
          code: "2.04",
          securityMode: "PSK",
          servers,
        });
        const result = Result.BOOTSTRAP_RESULT_REPLACED;
        await step(device, "old", 3, { step: Step.BOOTSTRAP_STEP_FAILED, result, reason: "it asked again" });
        await step(device, "new", 4, { step: Step.BOOTSTRAP_STEP_WRITTEN, path: "/0/1", code: "2.04" });
        const ended = { step: Step.BOOTSTRAP_STEP_FINISHED, result: Result.BOOTSTRAP_RESULT_SUCCEEDED, code: "2.04" };
        await step(device, "new", 5, ended);
        await step(["acme", "meter"], "other", 6, { step: Step.BOOTSTRAP_STEP_STARTED });
        const last = await client.bootstrap("meter/1", "acme");
        expect(last).toMatchObject({ sessionId: "new", node: "bootstrap-64", startedAtMs: 2, endedAtMs: 5 });
        expect(last).toMatchObject({ outcome: "finished", reason: "", securityMode: "PSK" });
        expect(last?.servers).toEqual(["server 123 coaps://lwm2m.example.org:5686 PSK"]);
        expect(last?.steps.map(({ atMs, step, path, code }) => [atMs, step, path, code])).toEqual([
          [2, "STARTED", "", "2.04"],
          [4, "WRITTEN", "/0/1", "2.04"],
          [5, "FINISHED", "", "2.04"],
        ]);
      });

      it("shows a request that was refused, with its reason", async () => {
        const reason = "the profile meter has no servers";
        await step(["default", "a"], "", 1, {
          step: Step.BOOTSTRAP_STEP_REFUSED,
          result: Result.BOOTSTRAP_RESULT_REFUSED,
          code: "4.00",
          reason,
        });
        expect(await client.bootstrap("a")).toMatchObject({
          sessionId: "",
          outcome: "failed",
          reason,
          steps: [{ atMs: 1, step: "REFUSED", path: "", code: "4.00", reason }],
        });
      });

      it("shows nothing of a device that never asked, or is another tenant's", async () => {
        await step(["acme", "theirs"], "s", 1, { step: Step.BOOTSTRAP_STEP_STARTED });
        expect([await client.bootstrap("x"), await client.bootstrap("theirs")]).toEqual([undefined, undefined]);
      });
    });

    describe("devices of records in JSON", () => {
      beforeAll(start);
      afterAll(stop);

      it("are listed as those in protobuf, and what is no device's state is passed over", async () => {
        const state = {
          registration: { tenant: "default", endpoint: "j", lifetimeS: 60, registeredAtMs: "1700000000000" },
        };
        const headers = { "content-type": "application/json" };
        await responder.publish("deviceState", "default/j", Buffer.from(JSON.stringify(state)), headers);
        for (const [endpoint, value] of Object.entries({
          a: "null",
          b: "[]",
          c: "{",
          d: "{}",
          e: '{"registration":5}',
        })) {
          await responder.publish("deviceState", `default/${endpoint}`, Buffer.from(value), headers);
        }
        await responder.publish("deviceState", "default/f", Buffer.of(0xff));
        await responder.register("default", "p");
        expect(await client.devices()).toMatchObject([
          { endpoint: "j", lifetimeS: 60, registeredAtMs: 1_700_000_000_000 },
          { endpoint: "p" },
        ]);
      });
    });

    describe("tail", () => {
      beforeEach(start);
      afterEach(stop);
      const sample = (value: number): Uint8Array =>
        lwm2m.v1.TelemetryRecord.encode({ samples: [{ key: "n", value: { double: value } }] }).finish();

      /** Follows until `count` records are there; `act` runs when they are followed. */
      const follow = async (
        count: number,
        options: { from: "earliest" | "latest"; tenant?: string; endpoint?: string },
        act: () => Promise<unknown> = async () => {},
      ): Promise<readonly StreamRecord[]> => {
        const records: StreamRecord[] = [];
        const done = new AbortController();
        const timer = setTimeout(() => done.abort(), PATIENCE_MS);
        await client.tail("telemetry", {
          ...options,
          signal: done.signal,
          onReady: () => void act(),
          onRecord: (record) => records.push(record) === count && done.abort(),
        });
        clearTimeout(timer);
        return records;
      };
      const numbers = (records: readonly StreamRecord[]) =>
        records.map(({ value }) => (value.samples as { value: { double: number } }[])[0]?.value.double);

      it("begins with the oldest record, and passes over what is no record of the topic", async () => {
        await responder.publish("telemetry", "default/a", sample(1));
        await responder.publish("telemetry", "default/a", Buffer.of(0xff));
        await responder.publish("telemetry", "default/a", null);
        await responder.publish("telemetry", "default/a", sample(2));
        const records = await follow(2, { from: "earliest" });
        expect(numbers(records)).toEqual([1, 2]);
        expect(records[0]).toMatchObject({ stream: "telemetry", key: "default/a", timestampMs: expect.any(Number) });
      });

      it("passes over what its follower cannot take, and JSON that is no object", async () => {
        for (const value of ["null", "5", "[]"]) {
          await responder.publish("telemetry", "default/a", Buffer.from(value), { "content-type": "application/json" });
        }
        await responder.publish("telemetry", "default/a", sample(1));
        await responder.publish("telemetry", "default/a", sample(2));
        const seen: unknown[] = [];
        const done = new AbortController();
        await client.tail("telemetry", {
          from: "earliest",
          signal: done.signal,
          onRecord: (record) => {
            seen.push(...numbers([record]));
            if (seen.length === 1) throw new RangeError("Invalid time value");
            done.abort();
          },
        });
        expect(seen).toEqual([1, 2]);
      });

      it("begins with what comes after it is ready, and misses none of that", async () => {
        await responder.publish("telemetry", "default/a", sample(1));
        const records = await follow(1, { from: "latest" }, () =>
          responder.publish("telemetry", "default/a", sample(2)),
        );
        expect(numbers(records)).toEqual([2]);
      });

      it("leaves out other tenants and devices", async () => {
        await responder.publish("telemetry", "acme/a", sample(1));
        await responder.publish("telemetry", "default/ab", sample(2));
        await responder.publish("telemetry", "default/a", sample(3));
        expect(numbers(await follow(1, { from: "earliest", tenant: "default", endpoint: "a" }))).toEqual([3]);
      });

      it("shows the headers of dead letters: their values are somebody else's bytes", async () => {
        await bus.sender({ name: "test", lingerMs: 0 }).publish({
          topic: `${TOPIC_PREFIX}lwm2m.dead-letter.v1`,
          key: "default/a",
          value: Buffer.from("{"),
          headers: { "dlq-reason": "not JSON" },
        });
        const done = new AbortController();
        const { promise, resolve } = Promise.withResolvers<StreamRecord>();
        const tail = client.tail("deadLetter", { from: "earliest", signal: done.signal, onRecord: resolve });
        expect((await promise).value).toMatchObject({ "dlq-reason": "not JSON" });
        done.abort();
        await tail;
      });

      it("ends when it is aborted, also before it began", async () => {
        await client.tail("telemetry", { from: "latest", signal: AbortSignal.abort(), onRecord: () => {} });
      });
    });

    describe("what is declared", () => {
      beforeEach(start);
      afterEach(stop);
      const device = (id: string): ProvisioningDocument => ({
        kind: "device",
        tenant: "default",
        id,
        body: {
          device: {
            endpoint: id,
            profile: "meter",
            credentials: [{ psk: { identity: `${id}-psk`, key: { plain: Buffer.alloc(16, 0xab) } } }],
          },
        },
      });

      it("is told document by document: applied, or rejected with field and reason", async () => {
        const told: string[] = [];
        const outcomes = await client.apply([PROFILE, device("a"), device("bad")], ({ id, outcome }) =>
          told.push(`${id} ${outcome}`),
        );
        expect(told.sort()).toEqual(["a applied", "bad rejected", "meter applied"]);
        expect(outcomes).toContainEqual(
          expect.objectContaining({
            kind: "device",
            id: "bad",
            outcome: "rejected",
            field: "profile",
            reason: "there is no profile nothing",
          }),
        );
      });

      it("may be more than one body of HTTP takes", async () => {
        const json = `{"resources":{}}${" ".repeat(900_000)}`;
        const profiles = Array.from({ length: 20 }, (_, index) => ({
          ...PROFILE,
          id: `p-${index}`,
          body: { profile: { json } },
        }));
        const outcomes = await client.apply(profiles, () => {});
        expect(outcomes.map(({ id, outcome }) => `${id} ${outcome}`).toSorted()).toEqual(
          profiles.map(({ id }) => `${id} applied`).toSorted(),
        );
      });

      it("is shown as YAML, without secrets, and by kind", async () => {
        await client.apply([PROFILE, device("a")], () => {});
        const all = await client.get();
        expect(all.map(({ kind, id }) => `${kind} ${id}`)).toEqual(["profile meter", "device a"]);
        const [shown] = await client.get("device");
        expect(shown?.yaml).toContain("endpoint: a");
        expect(shown?.yaml).toContain("a-psk");
        expect(shown?.yaml).not.toMatch(/abab|q6ur/);
      });

      it("is compared with documents: create, update, unchanged, delete", async () => {
        await client.apply([PROFILE, device("a")], () => {});
        const changed: ProvisioningDocument = { ...PROFILE, body: { profile: { json: '{"resources":{}}' } } };
        expect(await client.diff([changed, device("b")])).toEqual([
          { change: "update", kind: "profile", tenant: "default", id: "meter" },
          { change: "create", kind: "device", tenant: "default", id: "b" },
          { change: "delete", kind: "device", tenant: "default", id: "a" },
        ]);
        expect((await client.diff([PROFILE, device("a")])).map(({ change }) => change)).toEqual([
          "unchanged",
          "unchanged",
        ]);
      });

      it("goes away when it is removed", async () => {
        await client.apply([PROFILE, device("a")], () => {});
        const outcomes = await client.remove([{ kind: "device", tenant: "default", id: "a" }], () => {});
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(["deleted"]);
        expect((await client.get()).map(({ id }) => id)).toEqual(["meter"]);
      });
    });

    it("says so where there is no Ferry, and does not wait for one", async () => {
      const empty = new MemoryBus();
      const lost = await connect(empty, "", new MemoryBootstrapStore(Date.now));
      const signal = new AbortController().signal;
      for (const attempt of [
        () => lost.rpc({ endpoint: "demo", method: "Read", timeoutMs: PATIENCE_MS }),
        () => lost.desire({ endpoint: "demo", key: "a", value: 1 }),
        () => lost.devices(),
        () => lost.get(),
        () => lost.diff([]),
        () => lost.apply([PROFILE], () => {}),
        () => lost.remove([{ kind: "profile", tenant: "default", id: "meter" }], () => {}),
        () => lost.tail("telemetry", { from: "latest", signal, onRecord: () => {} }),
      ]) {
        await expect(attempt()).rejects.toThrow(/topic lwm2m\.\S+ does not exist/);
      }
      await lost.stop();
      await empty.stop();
    });
  });
}
