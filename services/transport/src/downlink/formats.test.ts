import { CONTENT_FORMAT } from "@ferry/coap";
import { ModelRegistry, type Operation, parseObjectLinks } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { describe, expect, it } from "@jest/globals";
import { formatsToTry, refusalOf } from "./formats.ts";

const { CBOR, SENML_CBOR, SENML_JSON, LWM2M_JSON, LWM2M_TLV, TEXT_PLAIN } = CONTENT_FORMAT;
const READ: Operation = { type: "read", path: [3, 0, 9] };
const INSTANCE: Operation = { type: "read", path: [3, 0] };
const COMPOSITE: Operation = {
  type: "readComposite",
  paths: [
    [3, 0, 9],
    [3, 0, 13],
  ],
};

function choice(ct: string, contentFormats?: readonly number[]): Parameters<typeof formatsToTry>[1] {
  const supported = parseObjectLinks(`</>;rt="oma.lwm2m"${ct === "" ? "" : `;ct="${ct}"`},</3/0>,</19/0>`, "1.1");
  const models = new ModelRegistry(loadCoreModels()).view("default", supported);
  return { profile: { contentFormats }, supported, models };
}

describe("the Content-Formats of an operation", () => {
  it.each([
    ["are those that the device lists, the best first", READ, choice("110 60 0"), [CBOR, SENML_JSON, TEXT_PLAIN]],
    ["are those of the profile before", READ, choice("110 60", [TEXT_PLAIN]), [TEXT_PLAIN, CBOR, SENML_JSON]],
    [
      "are those of the profile also where the device does not list them",
      INSTANCE,
      choice("", [LWM2M_JSON]),
      [LWM2M_JSON, LWM2M_TLV, SENML_CBOR],
    ],
    [
      "leave out those of the profile that cannot carry it",
      INSTANCE,
      choice("110", [TEXT_PLAIN]),
      [SENML_JSON, SENML_CBOR, LWM2M_TLV],
    ],
    ["are SenML for a composite", COMPOSITE, choice("110"), [SENML_JSON, SENML_CBOR]],
    [
      "are TLV for a Create that leaves the id to the device",
      { type: "create", path: [19], instances: [{ id: undefined, resources: [] }] },
      choice("110"),
      [LWM2M_TLV],
    ],
    ["do not matter without values", { type: "delete", path: [19, 0] }, choice("110"), [TEXT_PLAIN]],
  ] as const)("%s", (_, operation, given, formats) => {
    expect(formatsToTry(operation as Operation, given)).toEqual(formats);
  });

  it("end with what the device refused: it may have refused it for another resource only", () => {
    const refused = new Set([refusalOf(READ, CBOR), refusalOf(READ, SENML_JSON)]);
    expect(formatsToTry(READ, choice("110 60 0"), refused)).toEqual([TEXT_PLAIN, SENML_CBOR, LWM2M_TLV]);
    expect(formatsToTry(INSTANCE, choice("110 60 0"), refused)[0]).toBe(SENML_JSON);
  });
});
