import { ModelRegistry } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { parseDeviceProfile } from "@ferry/profile";
import { describe, expect, it } from "@jest/globals";
import { checkProfile } from "./check-profile.ts";
import type { ProvisioningDocument } from "./document.ts";
import { formatDocument } from "./format-document.ts";
import { profileWarnings } from "./profile-warnings.ts";

const models = new ModelRegistry(loadCoreModels());
const check = (resources: object, objects: object = {}) =>
  checkProfile(parseDeviceProfile({ resources, objects }), "default", models);
const bootstrapOf = (objects: object) => ({
  servers: [{ shortServerId: 1, security: "noSec", host: "lwm2m.example.org", port: 5685 }],
  objects,
});

describe("what the models say of a profile", () => {
  it("is nothing while devices can do what it asks", () => {
    expect(
      check(
        {
          "/3/0/0": { key: "manufacturer", attribute: true },
          "/3_1.2/0/9": { key: "battery", telemetry: true, observe: true, attributes: { gt: 10 } },
          "/3/0/4": { key: "reboot" },
          "/3303_1.1/2/5700": { key: "temperature", telemetry: true },
        },
        { "/3303": { attributes: { pmin: 1 } } },
      ),
    ).toEqual([]);
  });

  it.each([
    [
      "/40000/0/1",
      { key: "x", telemetry: true },
      "/40000/0/1 (x): no model of object 40000 is known: its values cannot be read; apply its XML",
    ],
    [
      "/3_2.0/0/9",
      { key: "x", telemetry: true },
      "/3_2.0/0/9 (x): no model of object 3_2.0 is known: its values cannot be read; apply its XML",
    ],
    [
      "/3_1.7/0/9",
      { key: "x", telemetry: true },
      "/3_1.7/0/9 (x): no model of version 1.7 is known: it is read by that of /3_1.2",
    ],
    ["/3/0/99", { key: "x", telemetry: true }, "/3/0/99 (x): object 3 (Device) has no resource 99"],
    ["/3/1/9", { key: "x", telemetry: true }, "/3/1/9 (x): object 3 (Device) has one instance, 0"],
    [
      "/3/0/4",
      { key: "x", telemetry: true, observe: true },
      "/3/0/4 (x): Reboot can only be executed: nothing comes of telemetry and observe",
    ],
    ["/5/0/0", { key: "x", attribute: true }, "/5/0/0 (x): Package can only be written: nothing comes of attribute"],
    ["/0/0/0", { key: "x" }, "/0/0/0 (x): LwM2M Server URI is for the bootstrap server alone"],
    ["/3/0/0", { attributes: { gt: 1 } }, "/3/0/0: Manufacturer is STRING: a device refuses gt for what is no number"],
    [
      "/3/0/9",
      { attributes: { edge: 1 } },
      "/3/0/9: Battery Level is INTEGER: a device refuses edge for what is no boolean",
    ],
  ])("names the path and what is wrong: %s %j", (path, resource, problem) => {
    expect(check({ [path]: resource })).toEqual([problem]);
  });
});

describe("what the models say of objects that a profile has written at bootstrap", () => {
  const checkObjects = (objects: object) =>
    checkProfile(parseDeviceProfile({ bootstrap: bootstrapOf(objects) }), "default", models);

  it("is nothing while devices can take them, also what servers can only read", () => {
    expect(
      checkObjects({
        "/2/3": { 0: 3, 1: 0, "2/0": 15, "2/1": 1, 3: 1 },
        "/3/0": { 0: "Ferry", 13: "2026-11-23T12:00:00Z", 14: "+01:00" },
        "/5/0": { 0: "cafe" },
      }),
    ).toEqual([]);
  });

  it.each([
    [
      { "/40000/0": {} },
      "bootstrap /40000/0: no model of object 40000 is known: its values cannot be written; apply its XML",
    ],
    [{ "/3/1": {} }, "bootstrap /3/1: object 3 (Device) has one instance, 0"],
    [{ "/3/0": { 99: 1 } }, "bootstrap /3/0/99: object 3 (Device) has no resource 99"],
    [{ "/3/0": { 4: 1 } }, "bootstrap /3/0/4: Reboot can only be executed: it has no value"],
    [{ "/2/0": { 2: 15 } }, 'bootstrap /2/0/2: ACL has instances: write each by itself, as "2/0"'],
    [{ "/2/0": { "3/0": 1 } }, 'bootstrap /2/0/3/0: Access Control Owner has no instances: write it as "3"'],
    [{ "/2/0": { 3: "me" } }, "bootstrap /2/0/3: Access Control Owner is INTEGER, which this string is not"],
  ])("names the path and what is wrong: %j", (objects, problem) => {
    expect(checkObjects(objects)).toEqual([problem]);
  });
});

describe("warnings about profiles that are applied", () => {
  const profile = (resources: object): ProvisioningDocument => ({
    kind: "profile",
    tenant: "acme",
    id: "meter",
    body: { profile: { json: JSON.stringify({ resources }) } },
    source: "meter.yaml:1",
  });
  const model = (tenant: string, operations: string): ProvisioningDocument => ({
    kind: "model",
    tenant,
    id: "40000_1.0",
    body: {
      model: {
        xml: `<LWM2M><Object ObjectType="MODefinition"><Name>Own</Name><ObjectID>40000</ObjectID><ObjectURN>urn:oma:lwm2m:x:40000</ObjectURN><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources><Item ID="1"><Name>Value</Name><Operations>${operations}</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type>Float</Type></Item></Resources></Object></LWM2M>`,
      },
    },
  });
  const declared = (...documents: ProvisioningDocument[]) =>
    Promise.resolve(documents.map((one) => ({ tenant: one.tenant, yaml: formatDocument(one) })));
  const own = profile({ "/40000/0/1": { key: "own", telemetry: true } });

  it("go by the models that are applied with them, before those that are declared", async () => {
    expect(await profileWarnings([model("system", "R"), own], () => declared(model("system", "W")))).toEqual([]);
    expect(await profileWarnings([own], () => declared(model("system", "R")))).toEqual([]);
    expect(await profileWarnings([own], () => declared(model("acme", "W"), model("system", "R")))).toEqual([
      "profile meter (meter.yaml:1): /40000/0/1 (own): Value can only be written: nothing comes of telemetry",
    ]);
    expect(await profileWarnings([own], () => declared(model("default", "R")))).toEqual([
      expect.stringContaining("no model of object 40000 is known"),
    ]);
  });

  it("go by models that are declared for what is written at bootstrap too", async () => {
    const json = JSON.stringify({ bootstrap: bootstrapOf({ "/40000/0": { 1: 0.5 } }) });
    const written = { ...own, body: { profile: { json } } };
    expect(await profileWarnings([written], () => declared(model("system", "")))).toEqual([]);
    expect(await profileWarnings([written], () => declared())).toEqual([
      expect.stringContaining("bootstrap /40000/0: no model of object 40000 is known"),
    ]);
  });

  it("do not ask what is declared for what ships", async () => {
    const battery = profile({ "/3/0/9": { key: "battery", telemetry: true } });
    expect(await profileWarnings([battery], () => Promise.reject(new RangeError("asked")))).toEqual([]);
  });
});
