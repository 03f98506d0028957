import { CODE, CONTENT_FORMAT, OPTION, readUintOption, stringOption } from "@ferry/coap";
import { TOPICS } from "@ferry/proto";
import { afterEach, describe, expect, it } from "@jest/globals";
import { ask, collectAnswers, type FinalAnswer } from "../rpc-fixture.ts";
import {
  collect,
  type DeviceAnswer,
  memorySystem,
  openDevice,
  provision,
  publishProfile,
  register,
  startNode,
  stopAll,
  type TestDevice,
  until,
} from "../transport-fixture.ts";
import { answerValues, lineOf, linesOf, samplesOf } from "../values-fixture.ts";

afterEach(stopAll);

const { CBOR, SENML_CBOR, SENML_JSON, TEXT_PLAIN } = CONTENT_FORMAT;
const PUBLISHED = {
  "/3/0/9": { key: "batteryLevel", telemetry: true },
  "/3/0/14": { key: "utcOffset", telemetry: true },
  "/19/5/3": { key: "description", telemetry: true },
};

async function start(
  profile: object = { resources: {} },
  instead?: Parameters<typeof answerValues>[2],
): Promise<{
  readonly device: TestDevice;
  readonly samples: () => string[];
  readonly run: (method: string, params: object) => Promise<FinalAnswer | undefined>;
  readonly answers: FinalAnswer[];
  readonly send: (requestId: string, method: string, params: object) => Promise<void>;
}> {
  const system = memorySystem();
  await provision(system);
  await publishProfile(system, profile);
  const node = await startNode(system);
  const device = await openDevice(node);
  answerValues(device, { "/3/0/9": 42, "/3/0/14": "+02" }, instead);
  const answers = collectAnswers(system);
  const telemetry = collect(system.bus, TOPICS.telemetry);
  await register(device, "ep-1", "1.1", `</>;rt="oma.lwm2m";ct="0 60 110 112 11542",</1/0>,</3/0>,</19/0>`);
  const send = (requestId: string, method: string, params: object) => ask(system, node, { requestId, method, params });
  let requests = 0;
  const run = async (method: string, params: object): Promise<FinalAnswer | undefined> => {
    const requestId = `r-${requests++}`;
    await send(requestId, method, params);
    await until(() => answers.some((answer) => answer.requestId === requestId), `the answer of ${method}`);
    return answers.find((answer) => answer.requestId === requestId);
  };
  const samples = () => samplesOf(telemetry).filter((line) => !line.startsWith("transportLog"));
  return { device, run, samples, answers, send };
}

/** The formats that the device was asked for with Accept. */
function accepted({ requests }: TestDevice): (number | undefined)[] {
  return requests.filter(({ code }) => code === CODE.GET).map(({ options }) => readUintOption(options, OPTION.ACCEPT));
}

/** Answers 4.06 to any format but one. */
function only(
  format: number,
): (line: string, request: Parameters<TestDevice["answer"]>[0]) => DeviceAnswer | undefined {
  return (_, { options }) => {
    const asked = readUintOption(options, OPTION.ACCEPT);
    return asked === undefined || asked === format ? undefined : { code: CODE.NOT_ACCEPTABLE };
  };
}

describe("an operation whose Content-Format the device refuses", () => {
  it("is tried in others, and the next one begins with what the device took", async () => {
    const { device, run } = await start({ resources: {} }, only(SENML_JSON));
    expect(await run("Read", { id: "/3/0/9" })).toMatchObject({ status: "SUCCESSFUL" });
    expect(accepted(device)).toEqual([CBOR, SENML_CBOR, SENML_JSON]);
    expect(await run("Read", { id: "/3/0/14" })).toMatchObject({ status: "SUCCESSFUL" });
    expect(accepted(device).slice(3)).toEqual([SENML_JSON]);
  });

  it("is tried anew after the device registered anew", async () => {
    const { device, run } = await start({ resources: {} }, only(SENML_JSON));
    await run("Read", { id: "/3/0/9" });
    await register(device, "ep-1", "1.1", `</>;rt="oma.lwm2m";ct="0 60 110 112 11542",</1/0>,</3/0>`);
    await run("Read", { id: "/3/0/9" });
    expect(accepted(device)).toEqual([CBOR, SENML_CBOR, SENML_JSON, CBOR, SENML_CBOR, SENML_JSON]);
  });

  it("ends with the device's answer when it refuses them all", async () => {
    const { device, run } = await start({ resources: {} }, only(-1));
    expect(await run("Read", { id: "/3/0/9" })).toMatchObject({ status: "FAILED", result: "NOT_ACCEPTABLE" });
    expect(accepted(device)).toHaveLength(3);
  });

  it("is asked for as its profile says, and before that as the request says", async () => {
    const { device, run } = await start({ resources: {}, contentFormats: ["SENML_JSON"] });
    await run("Read", { id: "/3/0/9" });
    await run("Read", { id: "/3/0/9", contentFormat: "TEXT" });
    expect(accepted(device)).toEqual([SENML_JSON, TEXT_PLAIN]);
  });
});

describe("the values of an operation", () => {
  it("are published when they were read, composite ones too", async () => {
    const { run, samples } = await start({ resources: PUBLISHED });
    await until(() => samples().length === 2, "the reads of the profile");
    await run("Read", { id: "/3/0/9" });
    await run("ReadComposite", { ids: ["/3/0/9", "/3/0/14"] });
    await until(
      () => samples().at(-1) === "batteryLevel=42 utcOffset=+02",
      "the values of the composite in one record",
    );
  });

  it("are published when the device took them, and not when it refused them", async () => {
    let code: number = CODE.FORBIDDEN;
    const { run, samples } = await start({ resources: PUBLISHED }, (line) =>
      line.startsWith("iPATCH") ? { code } : undefined,
    );
    await until(() => samples().length === 2, "the reads of the profile");
    expect(await run("WriteComposite", { nodes: { "/3/0/14": "+09" } })).toMatchObject({ status: "FAILED" });
    code = CODE.CHANGED;
    await run("WriteComposite", { nodes: { "/3/0/14": "+10" } });
    await until(() => samples().includes("utcOffset=+10"), "the written value");
    expect(samples()).not.toContain("utcOffset=+09");
  });

  it("of a Create are published where the device put them", async () => {
    const created = {
      code: CODE.CREATED,
      options: [stringOption(OPTION.LOCATION_PATH, "19"), stringOption(OPTION.LOCATION_PATH, "5")],
    };
    const { run, samples } = await start({ resources: PUBLISHED }, (line) =>
      line === "POST /19" ? created : undefined,
    );
    await until(() => samples().length === 2, "the reads of the profile");
    expect(await run("Create", { id: "/19", value: { "0": { "0": "00AC" }, "3": "made" } })).toMatchObject({
      status: "SUCCESSFUL",
      value: "location=19/5",
    });
    await until(() => samples().includes("description=made"), "the value of the new Object Instance");
  });
});

describe("what does something each time", () => {
  it.each([
    ["Execute", { id: "/3/0/4" }, "POST /3/0/4"],
    ["Create", { id: "/19/5", value: { "0": { "0": "00AC" } } }, "POST /19"],
    ["Delete", { id: "/19/0" }, "DELETE /19/0"],
  ])("%s is not sent a second time when the device moved: INDETERMINATE", async (method, params, line) => {
    const { device, answers, send } = await start({ resources: { "/3/0/9": { observe: true } } }, (asked) =>
      asked === line ? "silent" : undefined,
    );
    await until(() => linesOf(device).includes("GET /3/0/9 observe"), "the observation");
    await send("r-1", method, params);
    await until(() => linesOf(device).includes(line), line);
    await device.rebind();
    expect(await device.notify("7", 20)).toBe("delivered");
    await until(() => answers.length === 1, "the answer");
    expect(answers[0]).toMatchObject({ status: "INDETERMINATE" });
    const sent = device.requests.filter((request) => lineOf(request) === line);
    expect(new Set(sent.map(({ messageId }) => messageId)).size).toBe(1);
  });
});
