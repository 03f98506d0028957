import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { ObjectLinksError } from "../errors.ts";
import {
  type BootstrapDiscovery,
  hasUnnamedServers,
  instancesOf,
  parseBootstrapDiscovery,
  withShortServerIds,
} from "./bootstrap-discovery.ts";

/** As plain data. */
const plain = ({ instances, security, servers, ...rest }: BootstrapDiscovery) => ({
  ...rest,
  security: Object.fromEntries(security),
  servers: Object.fromEntries(servers),
  instances: Object.fromEntries([...instances].map(([id, ids]) => [id, [...ids]])),
});

describe("the links of a Bootstrap-Discover (Core 1.1.1 §6.1.7.3)", () => {
  it("say the version, the accounts and their instances, and every other instance", () => {
    const links =
      '</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://server_1.example.com", </0/1>, </1/0/>;ssid=101, </3/0>,</5>,</4>,</55>;ver=1.9,</55/0>';
    expect(plain(parseBootstrapDiscovery(links))).toEqual({
      version: "1.1",
      bootstrapInstance: 1,
      security: { 101: [0] },
      servers: { 101: [0] },
      instances: { 0: [0, 1], 1: [0], 3: [0], 4: [], 5: [], 55: [0] },
    });
  });

  it.each([
    ['lwm2m="1.0",</0/0>;ssid=101,</0/1/>,</1/0/>;ssid=101', "1.0"],
    ["lwm2m=1.0, </0/0>;ssid=101,</0/1>,</1/0>;ssid=101", "1.0"],
    ['</>;lwm2m="1.1",</0/0>;ssid=101,</0/1>,</1/0>;ssid="101"', "1.1"],
    ["</>;lwm2m=1.2.1,</0/0>;ssid=101,</0/1>,</1/0>;ssid=101", "1.2"],
    ["</>;lwm2m=1.9,</0/0>;ssid=101,</0/1>,</1/0>;ssid=101", "1.2"],
    ["</>;lwm2m=2.0,</0/0>;ssid=101,</0/1>,</1/0>;ssid=101", undefined],
    ["</0/0>;ssid=101,</0/1>,</1/0>;ssid=101", undefined],
  ])("are taken as clients of each version write them: %s", (links, version) => {
    expect(plain(parseBootstrapDiscovery(links))).toMatchObject({
      version,
      bootstrapInstance: 1,
      security: { 101: [0] },
      servers: { 101: [0] },
    });
  });

  it("of a device that has nothing yet are an empty list", () => {
    expect(plain(parseBootstrapDiscovery("")).instances).toEqual({});
    expect(plain(parseBootstrapDiscovery('lwm2m="1.0"'))).toMatchObject({ version: "1.0", instances: {} });
  });

  it.each(["0", "65535"])("may give the bootstrap server's account the reserved id %s", (reserved) => {
    expect(parseBootstrapDiscovery(`</0/3>;ssid=${reserved},</0/4>;ssid=7`)).toMatchObject({ bootstrapInstance: 3 });
  });

  it("do not tell which account is the bootstrap server's when more than one has no short server id", () => {
    const discovery = parseBootstrapDiscovery("</0/0>,</0/1>,</0/2>;ssid=7");
    expect(discovery.bootstrapInstance).toBeUndefined();
    expect([...instancesOf(discovery, 0)]).toEqual([0, 1, 2]);
  });

  it("may list several instances of one short server id: all of them are known, in order", () => {
    expect(plain(parseBootstrapDiscovery("</0/5>;ssid=7,</0/2>;ssid=7,</1/9>;ssid=7"))).toMatchObject({
      security: { 7: [2, 5] },
      servers: { 7: [9] },
    });
  });

  it.each([
    ["</0/0", "link format"],
    ["</0/0>;ssid=x", "ssid x is not in 1..65534"],
    ["</0/0>;ssid=65536", "ssid 65536 is not in 1..65534"],
    ["</0/65535>", "object instance id 65535 is not in 0..65534"],
  ])("%s are refused: %s", (links, message) => {
    expect(() => parseBootstrapDiscovery(links)).toThrow(message);
  });

  it("that lie elsewhere, or below an Object Instance, are left out", () => {
    expect(
      plain(parseBootstrapDiscovery("</.well-known/core>,</3/0/9>,</sensors/temp>;rt=t,</3/0>")).instances,
    ).toEqual({
      3: [0],
    });
  });

  it("are parsed whatever they are, or refused with an error of ours", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "0",
      "1",
      "65535",
      ";ssid=",
      ",",
      '"',
      "lwm2m=",
      "1.0",
      "ver",
      "=",
      " ",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece).map((pieces) => pieces.join("")),
        ),
        (links) => {
          try {
            const { security, servers, instances } = parseBootstrapDiscovery(links);
            const count = [...instances.values()].reduce((sum, ids) => sum + ids.size, 0);
            const named = [...security.values(), ...servers.values()].flat().length;
            expect(named).toBeLessThanOrEqual(count);
          } catch (error) {
            expect(error).toBeInstanceOf(ObjectLinksError);
          }
        },
      ),
    );
  });
});

describe("short server ids that were read", () => {
  const discovery = parseBootstrapDiscovery("</0/0>,</1/0>;ssid=7,</1/1>,</1/2>");

  it("name the instances of Server that did not say theirs, and no other", () => {
    expect(hasUnnamedServers(discovery)).toBe(true);
    const named = withShortServerIds(
      discovery,
      new Map([
        [0, 99],
        [1, 8],
        [2, 7],
        [9, 5],
      ]),
    );
    expect(plain(named).servers).toEqual({ 7: [0, 2], 8: [1] });
    expect(hasUnnamedServers(named)).toBe(false);
  });

  it("may be missing: such an instance stays without", () => {
    const named = withShortServerIds(discovery, new Map([[1, 8]]));
    expect(plain(named).servers).toEqual({ 7: [0], 8: [1] });
    expect(hasUnnamedServers(named)).toBe(true);
  });
});
