import { CODE, OPTION, uintOption, uriOptions } from "@ferry/coap";
import { type BootstrapPackRequest, decodeTimedValues, formatPath, parseBootstrapUplink } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { type EncodedPack, encodePack } from "./pack.ts";
import { BOOTSTRAP_ACCOUNT, serverAccount } from "./paper-accounts.ts";

const TARGET = {
  servers: [serverAccount(101), serverAccount(102, { binding: "UQ" })],
  bootstrapServer: BOOTSTRAP_ACCOUNT,
  objects: [],
};
const NO_MODELS = { object: () => undefined };

function encode(uri: string, accept: number): EncodedPack {
  const options = [...uriOptions(uri), uintOption(OPTION.ACCEPT, accept)];
  return encodePack(TARGET, parseBootstrapUplink(CODE.GET, options) as BootstrapPackRequest); // Well-formed here.
}
function pack(uri: string, accept: number): Record<string, unknown> {
  const values = decodeTimedValues(accept, encode(uri, accept).payload, [], NO_MODELS, undefined);
  return Object.fromEntries(values.map(({ path, value }) => [formatPath(path), value.value]));
}
const instancesIn = (values: Record<string, unknown>) => [
  ...new Set(Object.keys(values).map((path) => path.split("/").slice(0, 3).join("/"))),
];

describe.each([110, 112, 11_544])("a Bootstrap-Pack in format %i", (format) => {
  it("has all accounts, and none at 0 of Security, where factories put the bootstrap server's", () => {
    const values = pack("/bspack?ep=a", format);
    expect(instancesIn(values).sort()).toEqual(["/0/1", "/0/2", "/1/0", "/1/1"]);
    expect(values).toMatchObject({
      "/0/1/0": "coap://server-101.example.org:5683",
      "/0/1/10": 101,
      "/0/2/10": 102,
      "/1/0/0": 101,
      "/1/1/7": "U",
    });
  });

  it("writes the bootstrap server's account where the device says that it is, and the others elsewhere", () => {
    const values = pack("/bspack?ep=a&acc=1", format);
    expect(instancesIn(values).sort()).toEqual(["/0/0", "/0/1", "/0/2", "/1/0", "/1/1"]);
    expect(values).toMatchObject({ "/0/1/1": true, "/0/1/0": "coaps://bs.example.org:5688", "/0/0/10": 101 });
  });

  it("touches none of several instances that the device names", () => {
    expect(instancesIn(pack("/bspack?ep=a&acc=1,2", format)).sort()).toEqual(["/0/3", "/0/4", "/1/0", "/1/1"]);
  });

  it("tells what is in it: the bootstrap server's account only where it is", () => {
    expect(encode("/bspack?ep=a&acc=1", format)).toMatchObject({ written: TARGET, omission: undefined });
    expect(encode("/bspack?ep=a", format)).toMatchObject({
      written: { servers: TARGET.servers, bootstrapServer: undefined },
      omission: expect.stringContaining("the account of the bootstrap server was not written"),
    });
  });
});
