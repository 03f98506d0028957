import { MemoryBus } from "@ferry/bus/memory";
import { BusClient, NoAnswerError } from "@ferry/client";
import { CONTENT_TYPE, CONTENT_TYPE_HEADER, lwm2m, TOPICS } from "@ferry/proto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { type Trigger, triggerBootstrap } from "./bootstrap-trigger.ts";

const { BootstrapStep: Step, BootstrapResult: Result } = lwm2m.v1;
const TRIGGER: Trigger = { endpoint: "demo", tenant: "default", instance: 0, timeoutMs: 5_000, waitMs: 5_000 };
const CHANGED = { status: "SUCCESSFUL", result: "CHANGED", code: 204 };
const STARTED = { step: Step.BOOTSTRAP_STEP_STARTED };
const SUCCEEDED = { step: Step.BOOTSTRAP_STEP_FINISHED, result: Result.BOOTSTRAP_RESULT_SUCCEEDED };
const REPLACED = { step: Step.BOOTSTRAP_STEP_FAILED, result: Result.BOOTSTRAP_RESULT_REPLACED };
const REFUSED = { step: Step.BOOTSTRAP_STEP_REFUSED, result: Result.BOOTSTRAP_RESULT_REFUSED };
const FAILED = { step: Step.BOOTSTRAP_STEP_FAILED, result: Result.BOOTSTRAP_RESULT_FAILED, reason: "no" };

/** What is said on lwm2m.bootstrap.v1: session and step. */
type Said = readonly [sessionId: string, record: lwm2m.v1.BootstrapRecord.$Properties];

let bus: MemoryBus;
let client: BusClient;
let asked: Record<string, unknown>[];

beforeEach(async () => {
  bus = new MemoryBus();
  await bus.ensureTopics(Object.values(TOPICS), "create");
  client = new BusClient(bus);
  asked = [];
});
afterEach(async () => {
  await client.stop();
  await bus.stop();
});

/** Triggers a bootstrap. The device, once asked, says what it is told to say, and answers. */
async function run(
  given: Partial<Trigger>,
  answer: object,
  ...said: readonly Said[]
): Promise<{ readonly outcome: string; readonly stdout: string; readonly stderr: string }> {
  const sender = bus.sender({ name: "device", lingerMs: 0 });
  const key = "default/demo";
  const handle = async ({ value }: { readonly value: Uint8Array | null }): Promise<void> => {
    const request = JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown>;
    asked.push(request);
    for (const [sessionId, record] of said) {
      const step = lwm2m.v1.BootstrapRecord.encode({ sessionId, ...record }).finish();
      await sender.publish({ topic: TOPICS.bootstrap.name, key, value: step, headers: {} });
    }
    const response = Buffer.from(JSON.stringify({ requestId: request.requestId, endpoint: "demo", ...answer }));
    const headers = { [CONTENT_TYPE_HEADER]: CONTENT_TYPE.json };
    await sender.publish({ topic: TOPICS.rpcResponse.name, key, value: response, headers });
  };
  await bus.subscribe({ type: "reader", topic: TOPICS.rpcRequest.name, from: "latest", handle }).ready;
  let [stdout, stderr] = ["", ""];
  const outcome = await triggerBootstrap(
    client,
    { ...TRIGGER, ...given },
    { stdout: { write: (text) => (stdout += text) }, stderr: { write: (text) => (stderr += text) } },
  );
  return { outcome, stdout, stderr };
}

describe("triggering a bootstrap", () => {
  it("executes the Bootstrap-Request Trigger of the Server object, and does not wait unless it is told to", async () => {
    expect(await run({ waitMs: undefined }, CHANGED)).toEqual({
      outcome: "done",
      stdout: "demo was told to bootstrap: CHANGED\n",
      stderr: "",
    });
    expect(asked).toMatchObject([{ tenant: "default", method: "Execute", params: { id: "/1/0/9" } }]);
  });

  it("may ask another instance of the Server object", async () => {
    await run({ waitMs: undefined, instance: 2 }, CHANGED);
    expect(asked).toMatchObject([{ params: { id: "/1/2/9" } }]);
  });

  it.each([
    [
      "it has no account of a bootstrap server (row B37)",
      400,
      "BAD_REQUEST",
      "probably no bootstrap server configured",
    ],
    ["it does not let the trigger be executed", 405, "METHOD_NOT_ALLOWED", undefined],
  ])("is refused by a device where %s, with a hint", async (_, code, result, error) => {
    expect(await run({}, { status: "FAILED", code, result, error })).toEqual({
      outcome: "refused",
      stdout: "",
      stderr: `ferry: demo was not told to bootstrap: ${error === undefined ? result : `${result}: ${error}`}
ferry: a device can be told to bootstrap when it has an account of a bootstrap server: an instance of object 0 whose resource 1 is true
`,
    });
  });

  it("names --instance where the device has no such instance", async () => {
    const { stderr } = await run({}, { status: "FAILED", code: 404, result: "NOT_FOUND" });
    expect(stderr).toMatch(/NOT_FOUND\nferry: it has no such instance, .* --instance takes another one/);
  });

  it("shows no control character of a device: a terminal must not obey it", async () => {
    const { stderr } = await run({}, { status: "FAILED", code: 400, result: "BAD_REQUEST", error: "\u001b[2J" });
    expect(stderr).toContain("BAD_REQUEST: \\u001b[2J\n");
  });
});

describe("following the bootstrap that was triggered", () => {
  it("prints its steps, and ends when the device has taken all", async () => {
    const { outcome, stdout } = await run({}, CHANGED, ["a", STARTED], ["a", SUCCEEDED]);
    expect(outcome).toBe("done");
    expect(stdout).toMatch(/ demo +bootstrap started\n/);
    expect(stdout).toMatch(/ demo +bootstrap finished\n/);
    expect(stdout).toContain("demo was told to bootstrap: CHANGED\n");
  });

  it("says so when it failed", async () => {
    const { outcome, stdout } = await run({}, CHANGED, ["a", STARTED], ["a", FAILED]);
    expect(outcome).toBe("refused");
    expect(stdout).toContain("bootstrap failed: no\n");
  });

  it("says so when the request for it was refused", async () => {
    expect((await run({}, CHANGED, ["", { ...REFUSED, securityMode: "PSK" }])).outcome).toBe("refused");
  });

  it.each<[string, readonly Said[], string]>([
    [
      "takes no refusal of somebody who did not prove to be the device for its end",
      [
        ["", REFUSED],
        ["a", STARTED],
        ["a", SUCCEEDED],
      ],
      "done",
    ],
    [
      "takes no end of a session for its own that was under way before",
      [
        ["before", FAILED],
        ["a", STARTED],
        ["before", SUCCEEDED],
        ["a", FAILED],
      ],
      "refused",
    ],
    [
      "goes on with the session that took the place of another",
      [
        ["a", STARTED],
        ["b", STARTED],
        ["a", REPLACED],
        ["b", SUCCEEDED],
      ],
      "done",
    ],
  ])("%s", async (_, said, outcome) => {
    expect((await run({}, CHANGED, ...said)).outcome).toBe(outcome);
  });

  it("ends when it takes longer than it may", async () => {
    const late = run({ waitMs: 1 }, CHANGED, ["a", STARTED]);
    await expect(late).rejects.toThrow(NoAnswerError);
    await expect(late).rejects.toThrow("the bootstrap of demo has not ended within 1 ms");
  });
});
