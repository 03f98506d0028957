import { CONTENT_FORMAT } from "@ferry/coap";
import { describe, expect, it } from "@jest/globals";
import { encodeContent } from "../content/encode.ts";
import { loadCoreModels } from "../core-models.ts";
import type { ObjectInstanceNode } from "../node.ts";
import {
  type AccountKeys,
  securityNode,
  serverNode,
  type TargetBootstrapAccount,
  type TargetServerAccount,
} from "./account-nodes.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);
const PSK: AccountKeys = { type: "psk", identity: "mètre-1", key: bytes(0x00, 0x11, 0x22) };
const X509: AccountKeys = {
  type: "x509",
  publicKey: bytes(1),
  privateKey: bytes(2),
  serverPublicKey: bytes(3),
};
const SERVER: TargetServerAccount = {
  uri: "coaps://lwm2m.example.org:5684",
  keys: PSK,
  holdOffS: 10,
  shortServerId: 123,
  lifetimeS: 86_400,
  minPeriodS: 1,
  maxPeriodS: 300,
  disableTimeoutS: 60,
  storesNotifications: true,
  binding: "UQ",
};
const BOOTSTRAP: TargetBootstrapAccount = {
  uri: "coaps://bs.example.org:5688",
  keys: X509,
  holdOffS: 0,
  accountTimeoutS: 7200,
};

/** Values by resource id; bytes as hex. */
function values({ resources }: ObjectInstanceNode): Record<number, unknown> {
  return Object.fromEntries(
    resources.map((resource) => {
      const value = resource.type === "singleResource" ? resource.value.value : resource;
      return [resource.id, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value];
    }),
  );
}

describe("an instance of Security (Core 1.1.1 appendix E.1)", () => {
  it("of a server names its short server id, and has the pre-shared key as bytes and its identity as UTF-8", () => {
    expect(values(securityNode(2, SERVER))).toEqual({
      0: "coaps://lwm2m.example.org:5684",
      1: false,
      2: 0,
      3: "6dc3a87472652d31",
      4: "",
      5: "001122",
      10: 123,
      11: 10,
    });
  });

  it("of the bootstrap server has no short server id, but the time after which the account ends", () => {
    expect(values(securityNode(0, BOOTSTRAP))).toEqual({
      0: "coaps://bs.example.org:5688",
      1: true,
      2: 2,
      3: "01",
      4: "03",
      5: "02",
      11: 0,
      12: 7200,
    });
  });

  it.each<[AccountKeys, number]>([
    [PSK, 0],
    [{ ...X509, type: "rawPublicKey" }, 1],
    [X509, 2],
    [{ type: "noSec" }, 3],
  ])("with keys %# has security mode %i", (keys, mode) => {
    expect(values(securityNode(0, { ...SERVER, keys }))).toMatchObject({ 2: mode });
  });

  it("without security has the key resources all the same, empty: they are mandatory", () => {
    expect(values(securityNode(0, { ...SERVER, keys: { type: "noSec" } }))).toMatchObject({ 3: "", 4: "", 5: "" });
  });
});

describe("an instance of Server (Core 1.1.1 appendix E.2)", () => {
  it("has the short server id, times, notification storing and binding", () => {
    expect(values(serverNode(0, SERVER, "1.0"))).toEqual({
      0: 123,
      1: 86_400,
      2: 1,
      3: 300,
      5: 60,
      6: true,
      7: "UQ",
    });
  });

  it("leaves out what is not configured", () => {
    const plain = { ...SERVER, minPeriodS: undefined, maxPeriodS: undefined, disableTimeoutS: undefined };
    expect(Object.keys(values(serverNode(0, plain, "1.0")))).toEqual(["0", "1", "6", "7"]);
  });

  it.each([
    ["UQ", "1.0", "UQ"],
    ["UQ", "1.1", "U"],
    ["UTN", "1.0", "U"],
    ["UTN", "1.1", "UTN"],
    ["UHM", "1.1", "U"],
    ["UHM", "1.2", "UHM"],
    // The device's refusal then tells what is wrong.
    ["T", "1.0", "T"],
  ] as const)(
    "has of binding %s, for LwM2M %s, the letters that the version knows: %s",
    (binding, version, expected) => {
      expect(values(serverNode(0, { ...SERVER, binding }, version))).toMatchObject({ 7: expected });
    },
  );
});

const models = loadCoreModels();

describe.each(["1.0", "1.1", "1.2"])("against the definitions of version %s", (version) => {
  const resourcesOf = (id: number) => models.find((model) => model.id === id && model.version === version)?.resources;

  it.each([
    ["Security of a server", 0, securityNode(0, SERVER)],
    ["Security of the bootstrap server", 0, securityNode(0, BOOTSTRAP)],
    ["Server", 1, serverNode(0, SERVER, "1.0")],
  ] as const)("%s has every mandatory resource that can be written, and no unknown one", (_name, objectId, node) => {
    const resources = resourcesOf(objectId);
    const mandatory = [...(resources ?? [])].filter(([, each]) => each.mandatory && each.operations !== "E");
    const ids = node.resources.map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining(mandatory.map(([id]) => id)));
    expect(ids.filter((id) => resources?.has(id) !== true)).toEqual([]);
    expect(mandatory.length).toBeGreaterThan(3);
  });
});

it("is TLV as clients of 1.0 read it: numbers in as few bytes as hold them signed", () => {
  const node = serverNode(0, { ...SERVER, shortServerId: 200 }, "1.0");
  const tlv = Buffer.from(encodeContent(CONTENT_FORMAT.LWM2M_TLV, node, [1, 0])).toString("hex");
  expect(tlv.startsWith("c20000c8c40100015180")).toBe(true);
});
