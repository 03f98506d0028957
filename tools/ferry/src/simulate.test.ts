import { CONTENT_FORMATS } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { Command } from "commander";
import { type DeviceOptions, deviceOf, deviceOptions } from "./simulate.ts";

/** The devices that a command line asks for. */
function devices(...args: string[]): ReturnType<typeof deviceOf> {
  const command = deviceOptions(new Command()).exitOverride();
  return deviceOf(command.parse(args, { from: "user" }).opts<DeviceOptions>());
}

describe("ferry simulate makes devices", () => {
  it("of LwM2M 1.1 that always listen and send nothing but notifications, when nothing is said", () => {
    const { lwm2mVersion, queueMode, power, reports, contentFormats } = devices();
    expect({ lwm2mVersion, queueMode, power, reports, contentFormats }).toEqual({
      lwm2mVersion: "1.1",
      queueMode: false,
      power: undefined,
      reports: [],
      contentFormats: undefined,
    });
  });

  it.each([
    ["queue mode", ["--queue"], { queueMode: true, power: { awakeMs: 93_000 } }],
    ["PSM", ["--power", "psm", "--awake", "5"], { queueMode: false, power: { awakeMs: 5000 } }],
    [
      "queue mode and eDRX",
      ["--queue", "--power", "edrx", "--awake", "5", "--cycle", "60", "--window", "10"],
      { queueMode: true, power: { awakeMs: 5000, paging: { cycleMs: 60_000, windowMs: 10_000 } } },
    ],
  ])("that sleep: %s", (_, args, expected) => {
    expect(devices(...args)).toMatchObject(expected);
  });

  it("with content formats in the order given", () => {
    const id = (wanted: string) => CONTENT_FORMATS.find(({ name }) => name === wanted)?.id;
    expect(devices("--lwm2m", "1.2", "--formats", "senml_json,tlv")).toMatchObject({
      lwm2mVersion: "1.2",
      contentFormats: [id("SENML_JSON"), id("TLV")],
    });
  });

  it("that report by Send", () => {
    expect(devices("--send", "60", "--samples", "6").reports).toMatchObject([
      { paths: [[3303, 0, 5700]], intervalMs: 60_000, samples: 6 },
    ]);
  });
});
