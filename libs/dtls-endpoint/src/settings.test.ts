import { randomBytes } from "node:crypto";
import { CIPHER_SUITES } from "@ferry/dtls";
import { ConfigError, defineConfig } from "@ferry/runtime";
import { describe, expect, it } from "@jest/globals";
import { readAssociationSealing } from "./read-sealing.ts";
import { type DtlsSettings, dtlsSettings, SUITE_NAMES } from "./settings.ts";

const CONFIG = defineConfig<{ readonly dtls: DtlsSettings }>({ dtls: dtlsSettings("LWM2M_DTLS", 5686) });

function problemOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return "none";
}

const load = (env: Readonly<Record<string, string>> = {}): DtlsSettings => CONFIG.load({ env }).dtls;

describe("the settings of the DTLS listener", () => {
  it("have all suites but the one with CBC, Connection IDs of 8 bytes, and extended master secret where there is one", () => {
    expect(load()).toMatchObject({
      enabled: true,
      port: 5686,
      cidLength: 8,
      extendedMasterSecret: "prefer",
      nonce: "stamped",
    });
    expect(load().suites).toEqual(SUITE_NAMES.filter((name) => !name.includes("CBC")));
  });

  it("name suites as IANA does: all that are spoken, and no other", () => {
    expect([...CIPHER_SUITES.values()].map(({ name }) => name).sort()).toEqual([...SUITE_NAMES].sort());
  });

  it.each([
    [
      { LWM2M_DTLS_SUITES: "TLS_RSA_WITH_NULL_MD5" },
      /LWM2M_DTLS_SUITES: TLS_RSA_WITH_NULL_MD5 is not possible: give some of/,
    ],
    [{ LWM2M_DTLS_SUITES: "," }, /LWM2M_DTLS_SUITES: an empty list is not possible/],
    [{ LWM2M_DTLS_CID_LENGTH: "4" }, /LWM2M_DTLS_CID_LENGTH: a Connection ID that finds its node has 8 to 12 bytes/],
    [{ LWM2M_DTLS_LOOKUPS: "many" }, /LWM2M_DTLS_LOOKUPS: give capacity:seconds/],
    [{ LWM2M_DTLS_MTU: "9000" }, /LWM2M_DTLS_MTU: "9000" is not valid: give a whole number from 576 to 1452/],
  ])("refuse %j", (env, expected) => {
    expect(problemOf(() => load(env))).toMatch(expected);
  });
});

describe("the keys that associations are sealed with", () => {
  const KEY = Buffer.alloc(32, 1).toString("base64");

  it("are those of the setting, the first one seals", () => {
    const both = readAssociationSealing(
      { sealingKey: `${Buffer.alloc(32, 2).toString("base64")}\n${KEY}` },
      "redis",
      randomBytes,
    );
    expect(both.byId.size).toBe(2);
    expect(both.cookieKeys).toHaveLength(2);
    expect([...both.byId.keys()][0]).toBe(both.current);
  });

  it("are made at random where the state ends with the process", () => {
    const [one, two] = [1, 2].map(() => readAssociationSealing({}, "memory", randomBytes));
    expect(one?.current).not.toBe(two?.current);
  });

  it("are missed where Redis has the state, by the name of the setting and of the command", () => {
    expect(problemOf(() => readAssociationSealing({}, "redis", randomBytes))).toMatch(
      /^LWM2M_DTLS_SEALING_KEY_FILE is not set: .*`ferry keys generate sealing`.*LWM2M_DTLS_ENABLED=false$/,
    );
  });

  it("that are none are told of without being quoted", () => {
    const problem = problemOf(() => readAssociationSealing({ sealingKey: "c2VjcmV0" }, "memory", randomBytes));
    expect(problem).toMatch(/^LWM2M_DTLS_SEALING_KEY_FILE: line 1 holds 6 bytes of Base64, a sealing key has 32$/);
  });
});
