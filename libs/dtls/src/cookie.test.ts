import { describe, expect, it } from "@jest/globals";
import { Cookies } from "./cookie.ts";
import { secretKey } from "./hmac.ts";
import type { ClientHello } from "./messages/client-hello.ts";

const ADDRESS = "192.0.2.1:5684";
const [key, otherKey] = [1, 2].map((byte) => secretKey(new Uint8Array(32).fill(byte)));
if (key === undefined || otherKey === undefined) throw new TypeError("two keys");
/** Of a node whose clock shows this. */
const cookiesAt = (ms: number, keys = [key]): Cookies => new Cookies({ keys, wallMs: () => ms });
const NOON_MS = Date.UTC(2026, 0, 1, 12);
const cookies = cookiesAt(NOON_MS);

const HELLO: ClientHello = {
  version: 0xfefd,
  random: new Uint8Array(32).fill(3),
  sessionId: new Uint8Array(0),
  cookie: new Uint8Array(0),
  cipherSuites: [0xc0a8],
  compressionMethods: Uint8Array.of(0),
  extensions: Uint8Array.of(0, 23, 0, 0),
};
const answered = (hello: ClientHello = HELLO): ClientHello => ({ ...hello, cookie: cookies.make(ADDRESS, hello) });

describe("cookies (RFC 6347 §4.2.1)", () => {
  it("hold for the hello that they were made for, and leave the machine without memory of it", () => {
    expect(cookies.make(ADDRESS, HELLO)).toHaveLength(16);
    expect(cookies.verify(ADDRESS, answered())).toBe(true);
    expect(cookiesAt(NOON_MS).verify(ADDRESS, answered())).toBe(true);
  });

  it("hold whatever the extensions are: wolfSSL 5.9.4 changes them between its hellos", () => {
    expect(cookies.verify(ADDRESS, { ...answered(), extensions: Uint8Array.of(0, 22, 0, 0) })).toBe(true);
  });

  it.each<[string, Partial<ClientHello>]>([
    ["version", { version: 0xfefc }],
    ["random", { random: new Uint8Array(32).fill(4) }],
    ["session id", { sessionId: Uint8Array.of(1) }],
    ["cipher suites", { cipherSuites: [0xc0a8, 0x00a8] }],
    ["compression methods", { compressionMethods: Uint8Array.of(0, 1) }],
    ["cookie", { cookie: new Uint8Array(16) }],
    ["missing cookie", { cookie: new Uint8Array(0) }],
    ["shortened cookie", { cookie: answered().cookie.subarray(0, 15) }],
    ["prolonged cookie", { cookie: Uint8Array.of(...answered().cookie, 0) }],
  ])("do not hold for another %s", (_, change) => {
    expect(cookies.verify(ADDRESS, { ...answered(), ...change })).toBe(false);
  });

  it.each(["192.0.2.1:5685", "192.0.2.2:5684", "[2001:db8::1]:5684"])(
    "do not hold for another address: %s",
    (address) => {
      expect(cookies.verify(address, answered())).toBe(false);
    },
  );

  it("do not hold for fields with the same bytes cut at another place", () => {
    const hello = answered({ ...HELLO, sessionId: Uint8Array.of(0, 4), cipherSuites: [1] });
    expect(cookies.verify(ADDRESS, { ...hello, sessionId: new Uint8Array(0), cipherSuites: [2, 1] })).toBe(false);
  });

  it("do not hold for an address that takes the place of a part of the hello", () => {
    const random = new Uint8Array(32).fill(3).with(30, 2);
    const hello = answered({ ...HELLO, random });
    // Without its length, the port's "84" would be the version, and all behind it would move on by two bytes.
    const moved = {
      ...hello,
      version: 0x3834,
      random: Uint8Array.of(0xfe, 0xfd, ...random.subarray(0, 30)),
      sessionId: Uint8Array.of(random[31] ?? 0, 0),
    };
    expect(ADDRESS.slice(-2)).toBe("84");
    expect(cookies.verify(ADDRESS.slice(0, -2), moved)).toBe(false);
  });

  it.each([
    [0, true],
    [59_999, true],
    // The client repeats its hello for about a minute.
    [119_999, true],
    [120_000, false],
    [86_400_000, false],
    // A node whose clock is behind.
    [-5_000, true],
    [-60_001, false],
  ])("hold for a minute or two, on every node: after %d ms %p", (afterMs, holds) => {
    expect(cookiesAt(NOON_MS + afterMs).verify(ADDRESS, answered())).toBe(holds);
  });

  it("made by any of the keys hold, new ones are made by the first", () => {
    const rotated = cookiesAt(NOON_MS, [otherKey, key]);
    expect(rotated.verify(ADDRESS, answered())).toBe(true);
    expect(cookies.verify(ADDRESS, { ...HELLO, cookie: rotated.make(ADDRESS, HELLO) })).toBe(false);
    expect(cookiesAt(NOON_MS, [otherKey]).verify(ADDRESS, answered())).toBe(false);
  });
});
