import { CONTENT_FORMAT } from "@ferry/coap";
import { hex } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { loadCoreModels } from "../core-models.ts";
import { ModelRegistry } from "../model/model-registry.ts";
import { parsePath } from "../path.ts";
import type { ResourceValue } from "../value.ts";
import { decodeTimedValues } from "./decode.ts";

const models = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([3, 6].map((id) => [id, { version: "1.1", instances: [0] }])),
});

/** The values behind the payloads below, by path. */
const VALUES: Readonly<Record<string, ResourceValue>> = {
  "/3/0/0": { type: "STRING", value: "Ferry é" },
  "/3/0/6/0": { type: "INTEGER", value: 1 },
  "/3/0/6/5": { type: "INTEGER", value: -5 },
  "/3/0/9": { type: "INTEGER", value: 100 },
  "/3/0/10": { type: "INTEGER", value: 9_007_199_254_740_993n },
  "/3/0/13": { type: "TIME", value: 1_625_146_789_000 },
  "/3/0/22/0": { type: "OBJLNK", value: { objectId: 3, objectInstanceId: 0 } },
  "/6/0/0": { type: "FLOAT", value: -43.5723 },
  "/6/0/1": { type: "FLOAT", value: 23 },
  "/6/0/4": { type: "OPAQUE", value: Uint8Array.of(0x00, 0xac, 0xff) },
};

describe("what Leshan 2.0.0-M15 encodes", () => {
  it.each([
    [
      CONTENT_FORMAT.LWM2M_TLV,
      "/3/0",
      "c80008466572727920c3a9c10964c80a080020000000000001c40d60ddc5a586064100014105fb8616440000030000",
    ],
    [CONTENT_FORMAT.LWM2M_TLV, "/6/0", "c80008c045c941205bc01ac30400acffc801084037000000000000"],
    [
      CONTENT_FORMAT.SENML_JSON,
      "/3/0",
      "5b7b22626e223a222f332f302f222c226e223a2230222c227673223a22466572727920c3a9227d2c7b226e223a2239222c2276223a3130307d2c7b226e223a223130222c2276223a393030373139393235343734303939337d2c7b226e223a223133222c2276223a313632353134363738397d2c7b226e223a22362f30222c2276223a317d2c7b226e223a22362f35222c2276223a2d357d2c7b226e223a2232322f30222c227673223a22333a30227d5d",
    ],
    [
      CONTENT_FORMAT.SENML_JSON,
      "/6/0",
      "5b7b22626e223a222f362f302f222c226e223a2230222c2276223a2d34332e353732337d2c7b226e223a2234222c227664223a22414b7a5f227d2c7b226e223a2231222c2276223a32332e307d5d",
    ],
    [
      CONTENT_FORMAT.SENML_CBOR,
      "/3/0",
      "87a30061300368466572727920c3a921652f332f302fa2006139021864a200623130021b0020000000000001a200623133021a60ddc5a5a20063362f300201a20063362f350224a2006432322f300363333a30",
    ],
    [
      CONTENT_FORMAT.SENML_CBOR,
      "/6/0",
      "83a300613002fbc045c941205bc01a21652f362f302fa2006134084300acffa200613102f94dc0",
    ],
    [CONTENT_FORMAT.TEXT_PLAIN, "/3/0/10", "39303037313939323534373430393933"],
    [CONTENT_FORMAT.TEXT_PLAIN, "/6/0/1", "32332e30"],
    [CONTENT_FORMAT.TEXT_PLAIN, "/6/0/4", "414b7a2f"],
    [CONTENT_FORMAT.CBOR, "/3/0/13", "c11a60ddc5a5"],
    [CONTENT_FORMAT.CBOR, "/6/0/1", "f94dc0"],
    [CONTENT_FORMAT.CBOR, "/6/0/4", "4300acff"],
    [CONTENT_FORMAT.OCTET_STREAM, "/6/0/4", "00acff"],
  ])("in content format %p of %s is read as the values that it was given", (format, path, payload) => {
    const values = decodeTimedValues(format, hex(payload), parsePath(path), models, 0);
    const expected = Object.entries(VALUES).filter(([valuePath]) => `${valuePath}/`.startsWith(`${path}/`));
    expect(Object.fromEntries(values.map((value) => [`/${value.path.join("/")}`, value.value]))).toEqual(
      Object.fromEntries(expected),
    );
  });
});
