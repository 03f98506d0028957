import { DtlsLockstep } from "@ferry/testing";
import { expect, it } from "@jest/globals";
import type { DtlsServerOptions } from "./server-options.ts";

it.each<[string, Partial<DtlsServerOptions>]>([
  ["cipher suite 47 is not spoken here", { suites: [0xc0a8, 0x002f] }],
  ["a Connection ID has 8 to 12 bytes, or 0 for none, not 4", { cidLengthBytes: 4 }],
  ["a Connection ID has 8 to 12 bytes, or 0 for none, not 13", { cidLengthBytes: 13 }],
  ["cookies need a key", { cookieKeys: [] }],
  ["mtuBytes is 500, not 576 to 1452", { mtuBytes: 500 }],
  ["slot is 256, not 0 to 255", { slot: 256 }],
])("a server cannot be made wrong: %s", (message, server) => {
  expect(() => new DtlsLockstep({ server })).toThrow(message);
});
