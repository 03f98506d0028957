import { describe, expect, it } from "@jest/globals";
import { bootstrapKeysOf } from "./bootstrap-keys.ts";
import type { BootstrapKeys, ClientKeys, DeviceCredential, DeviceDeclaration } from "./device-declaration.ts";

const psk = (identity: string): Extract<ClientKeys, { type: "psk" }> => ({
  type: "psk",
  identity,
  key: { type: "plain", bytes: new Uint8Array(16) },
});
const NO_SEC = { type: "noSec" } as const;
const GENERATE = { type: "generatePsk" } as const;
const PAIR: ClientKeys = {
  type: "rawPublicKey",
  publicKey: new Uint8Array(91),
  privateKey: { type: "plain", bytes: new Uint8Array(138) },
};
const RPK: DeviceCredential = { type: "rawPublicKey", publicKey: new Uint8Array(91) };

function declaration(credentials: DeviceCredential[], bootstrap?: Partial<BootstrapKeys>): DeviceDeclaration {
  return {
    tenant: "default",
    endpoint: "meter-1",
    profile: "meter",
    credentials,
    allowUnauthenticatedFleet: false,
    labels: {},
    power: undefined,
    bootstrap: bootstrap && { bootstrapServer: undefined, server: undefined, ...bootstrap },
  };
}

describe("what a device is given", () => {
  it.each<[string, DeviceDeclaration, DeviceCredential[] | undefined, ClientKeys | undefined, ClientKeys | undefined]>([
    ["its pre-shared key, by its credentials", declaration([RPK, psk("one")]), undefined, psk("one"), psk("one")],
    ["nothing but addresses, where its credentials say noSec", declaration([NO_SEC]), undefined, NO_SEC, NO_SEC],
    ["none that we could give, of a raw public key alone", declaration([RPK]), undefined, undefined, undefined],
    [
      "what is declared for each server",
      declaration([psk("one"), psk("two")], { bootstrapServer: psk("factory"), server: psk("two") }),
      undefined,
      psk("two"),
      psk("factory"),
    ],
    ["the pair that it has for LwM2M servers", declaration([RPK], { server: PAIR }), undefined, PAIR, PAIR],
    [
      "a key that has to be made",
      declaration([], { bootstrapServer: psk("factory"), server: GENERATE }),
      undefined,
      GENERATE,
      psk("factory"),
    ],
    [
      "the key that was made and waits to be proven, once more",
      declaration([psk("one")], { server: GENERATE }),
      [psk("made"), psk("one")],
      psk("made"),
      psk("one"),
    ],
    [
      "another key, where the one that was made is proven",
      declaration([psk("one")], { server: GENERATE }),
      [psk("made")],
      GENERATE,
      psk("one"),
    ],
    [
      "what was generated for it rather than what is declared, and that at LwM2M servers only",
      declaration([psk("one")], { server: psk("one") }),
      [psk("made")],
      psk("made"),
      psk("one"),
    ],
  ])("is %s", (_, declared, generated, server, bootstrapServer) => {
    expect(bootstrapKeysOf(declared, generated)).toEqual({ server, bootstrapServer });
  });
});
