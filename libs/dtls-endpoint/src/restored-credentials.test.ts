import type { Answer } from "@ferry/dtls";
import { StateUnavailableError } from "@ferry/state";
import { beforeEach, describe, expect, it } from "@jest/globals";
import type { DeviceCredentials } from "./device-credentials.ts";
import { RestoredCredentials } from "./restored-credentials.ts";

const PRINCIPAL = "RPK\ndefault\nmeter-1\n0123456789abcdef";
const REFUSED: Answer = { type: "refused", alert: 49, reason: "no device is provisioned with it" };
const FOUND: Answer = { type: "principal", principal: PRINCIPAL };

let isKnown: boolean;
let isRestored: boolean;

/** A store with one device, or with none. */
const stored: DeviceCredentials = {
  psk: async () => (isKnown ? FOUND : { type: "none" }),
  rawPublicKey: async () => (isKnown ? FOUND : REFUSED),
  certificate: async () => (isKnown ? FOUND : REFUSED),
  isCurrent: async () => isKnown,
};
const credentials = new RestoredCredentials(stored, async () => isRestored);

beforeEach(() => {
  isKnown = false;
  isRestored = false;
});

describe.each<[string, () => Promise<unknown>, found: unknown, missing: unknown]>([
  ["an identity", () => credentials.psk(Uint8Array.of(1)), FOUND, { type: "none" }],
  ["a raw public key", () => credentials.rawPublicKey(Uint8Array.of(1)), FOUND, REFUSED],
  ["a certificate", () => credentials.certificate([Uint8Array.of(1)]), FOUND, REFUSED],
  ["a principal", () => credentials.isCurrent(PRINCIPAL), true, false],
])("%s that the store does not have", (_, ask, found, missing) => {
  it("is nobody's once the store is restored", async () => {
    isRestored = true;
    expect(await ask()).toEqual(missing);
  });

  it("is not known to be nobody's before", async () => {
    await expect(ask()).rejects.toThrow(StateUnavailableError);
  });

  it("is believed when the store has it, restored or not", async () => {
    isKnown = true;
    expect(await ask()).toEqual(found);
  });
});
