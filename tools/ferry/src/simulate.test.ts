import type { ServerTrust } from "@ferry/dtls";
import { CONTENT_FORMATS } from "@ferry/lwm2m";
import { DTLS_KEYS } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { Command } from "commander";
import { type DeviceOptions, deviceOf, deviceOptions, expectAccountOf, failureOf, serverOf } from "./simulate.ts";

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

describe("ferry simulate speaks first to", () => {
  const plain = { secure: false, host: "192.0.2.1", port: 5687 };
  const secure = { ...plain, secure: true, port: 5688 };

  it("the ports of a transport on this machine, when nothing is said", () => {
    expect(serverOf({ security: "nosec" })).toEqual({ host: "127.0.0.1", port: 5685 });
    expect(serverOf({ security: "psk" })).toEqual({ host: "127.0.0.1", port: 5686 });
  });

  it("the bootstrap server that it is given", () => {
    expect([
      serverOf({ security: "nosec", bootstrap: plain }),
      serverOf({ security: "rpk", bootstrap: secure }),
    ]).toEqual([plain, secure]);
  });

  it.each([
    ["give one of --server and --bootstrap", { security: "nosec", bootstrap: plain, server: plain }],
    ["--bootstrap coaps:// needs --security psk, rpk or x509", { security: "nosec", bootstrap: secure }],
    ["--security psk needs --bootstrap coaps://", { security: "psk", bootstrap: plain }],
  ] as const)("nobody, where options contradict each other: %s", (message, options) => {
    expect(() => serverOf(options)).toThrow(message);
  });
});

describe("ferry simulate gives a device from the factory", () => {
  const withTrust = (server: ServerTrust) =>
    expectAccountOf(async () => ({ credential: { type: "rawPublicKey", privateKey: DTLS_KEYS.device, server } }));

  it("with a raw public key that of the server, which a certificate does not name", async () => {
    await withTrust({ type: "publicKey", publicKey: DTLS_KEYS.serverPublicKey });
    await expect(withTrust({ type: "trustAnchor", certificate: DTLS_KEYS.root })).rejects.toThrow(
      "--bootstrap with --security rpk needs the server's public key in --trust, not a certificate",
    );
  });

  it("nothing, without security", async () => {
    await expect(expectAccountOf(undefined)).resolves.toBeUndefined();
  });
});

describe("ferry simulate says why a device gets no further", () => {
  it.each([
    [{ type: "refused", uplink: "bootstrap", code: 0x80 }, "the bootstrap server refused sim-1: 4.00"],
    [
      { type: "refused", uplink: "bootstrap", code: 0x80, diagnostic: "unknown\u001b[2J" },
      "the bootstrap server refused sim-1: 4.00 unknown�[2J",
    ],
    [{ type: "bootstrapAbandoned" }, "the bootstrap server did not finish with sim-1"],
    [{ type: "unresolved", host: "lwm2m.example.org" }, "sim-1 finds no address of lwm2m.example.org"],
  ] as const)("%j", (event, text) => {
    expect(failureOf("sim-1", event)?.text).toBe(text);
  });

  it("and nothing of what progress counts", () => {
    expect(failureOf("sim-1", { type: "refused", uplink: "register", code: 0x80 })).toBeUndefined();
    expect(failureOf("sim-1", { type: "updated" })).toBeUndefined();
  });
});
