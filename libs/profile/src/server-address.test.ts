import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { HOST, pickAddress, type ServerAddress } from "./server-address.ts";

const address = (host: string, weight = 1, port = 5686): ServerAddress => ({ host, port, weight });
const NAMES = Array.from({ length: 10_000 }, (_, index) => `meter-${String(index).padStart(5, "0")}`);

/** How many of the names are given each host. */
function shares(addresses: readonly ServerAddress[]): Readonly<Record<string, number>> {
  const picked = Map.groupBy(NAMES, (name) => pickAddress(addresses, name).host);
  return Object.fromEntries(addresses.map(({ host }) => [host, picked.get(host)?.length ?? 0]));
}

const addressLists = fc.uniqueArray(
  fc.record({
    host: fc.domain(),
    port: fc.integer({ min: 1, max: 65_535 }),
    weight: fc.integer({ min: 1, max: 1000 }),
  }),
  { minLength: 1, maxLength: 16, selector: ({ host, port }) => `${host}:${port}` },
);

describe("the address that a device is given", () => {
  it("is the same in every version of Ferry: devices would move", () => {
    const regions = [address("a.example.org"), address("b.example.org", 2), address("c.example.org", 7)];
    const names = ["meter-0001", "meter-0002", "meter-0003", "meter-0019"];
    expect(names.map((name) => pickAddress(regions, name).host)).toEqual([
      "b.example.org",
      "c.example.org",
      "b.example.org",
      "a.example.org",
    ]);
  });

  it("does not depend on the order of the list", () => {
    fc.assert(
      fc.property(addressLists, fc.string(), (addresses, endpoint) => {
        expect(pickAddress(addresses.toReversed(), endpoint)).toBe(pickAddress(addresses, endpoint));
      }),
    );
  });

  it("is each one's for as many of 10 000 devices as its weight says, within four standard deviations", () => {
    const weights = { "a.example.org": 1, "b.example.org": 2, "c.example.org": 7 };
    const counts = shares(Object.entries(weights).map(([host, weight]) => address(host, weight)));
    for (const [host, weight] of Object.entries(weights)) {
      const share = weight / 10;
      const deviation = Math.sqrt(NAMES.length * share * (1 - share));
      expect(Math.abs((counts[host] ?? 0) - NAMES.length * share)).toBeLessThan(4 * deviation);
    }
  });

  it("changes for the devices of an address that is taken out, and for no other", () => {
    fc.assert(
      fc.property(addressLists, fc.string(), fc.nat(), (addresses, endpoint, index) => {
        const gone = addresses[index % addresses.length];
        const rest = addresses.filter((one) => one !== gone);
        const before = pickAddress(addresses, endpoint);
        fc.pre(rest.length > 0 && before !== gone);
        expect(pickAddress(rest, endpoint)).toBe(before);
      }),
    );
  });

  it("changes only towards an address whose weight grows", () => {
    fc.assert(
      fc.property(addressLists, fc.string(), fc.nat(), (addresses, endpoint, index) => {
        const grown = index % addresses.length;
        const after = addresses.map((one, at) => (at === grown ? { ...one, weight: one.weight * 2 } : one));
        const before = addresses.indexOf(pickAddress(addresses, endpoint));
        expect([before, grown]).toContain(after.indexOf(pickAddress(after, endpoint)));
      }),
    );
  });
});

describe("a host", () => {
  it.each([
    ["LwM2M.Example.org", "lwm2m.example.org"],
    ["localhost", "localhost"],
    ["ferry_bootstrap", "ferry_bootstrap"],
    ["example.org.", "example.org."],
    ["192.0.2.7", "192.0.2.7"],
    ["2001:DB8:0::7", "[2001:db8::7]"],
    ["[2001:db8::7]", "[2001:db8::7]"],
    ["xn--mnchen-3ya.example", "xn--mnchen-3ya.example"],
  ])("is a name or an address: %s", (text, host) => {
    expect(HOST.parse(text)).toBe(host);
  });

  it.each([
    "",
    "coap://example.org",
    "example.org:5683",
    "example.org/rd",
    "user@example.org",
    "[2001:db8::7]:5684",
    "[2001:db8::7",
    "::g",
    "1.2.3",
    "1.2.3.256",
    "exa mple.org",
    "münchen.example",
    "-a.example",
    "a..example",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(120)}aa`,
  ])("is nothing else: %s", (text) => {
    expect(HOST.safeParse(text).error?.issues[0]?.message).toContain("is no name, IPv4 or IPv6 address");
  });

  it.each(["0.0.0.0", "::", "[::]", "0:0::0"])("is none that a server listens at everywhere: %s", (text) => {
    expect(HOST.safeParse(text).error?.issues[0]?.message).toContain("to which no device can send");
  });
});
