import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { Ajv } from "ajv";
import { type Config, defineConfig } from "./define-config.ts";
import { ConfigError } from "./errors.ts";
import { bytes, choice, duration, flag, list, port, type Section, secret, section, text } from "./setting.ts";
import { type KafkaSettings, kafkaSettings } from "./settings.ts";

interface Sample {
  readonly ackTimeoutMs: number;
  readonly receiveBufferBytes: number;
  readonly mode: "flow" | "vip";
  readonly strict: boolean;
  readonly note?: string | undefined;
  readonly api: { readonly port: number; readonly token: string; readonly origins: readonly string[] };
  readonly kafka: KafkaSettings;
}

const api: Section<Sample["api"]> = section<Sample["api"]>("LWM2M_API", {
  port: port(8080).describe("Where the API listens."),
  token: secret().describe("What callers must present."),
  origins: list([]).describe("Who may call from a browser."),
});

const config: Config<Sample> = defineConfig<Sample>({
  ackTimeoutMs: duration("2s", { min: "10ms" }).describe("First CON retransmission (RFC 7252 §4.8)."),
  receiveBufferBytes: bytes("4MiB").describe("Receive buffer."),
  mode: choice(["flow", "vip"], "flow").describe("Reachability."),
  strict: flag(false).describe("Whether to be strict."),
  note: text().optional().describe("For people."),
  api,
  kafka: kafkaSettings,
});

const directory = mkdtempSync(join(tmpdir(), "ferry-config-"));
afterAll(() => rmSync(directory, { recursive: true }));
const TOKEN = { LWM2M_API_TOKEN: "t" };

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function problems(env: Record<string, string>, yaml?: string): readonly string[] {
  try {
    config.load({ env: { ...TOKEN, ...env }, file: yaml === undefined ? undefined : file("a.yaml", yaml) });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map((line) => line.replace(`${directory}/`, ""));
    throw error;
  }
  return [];
}

describe("a configuration", () => {
  it("has its defaults where nothing is given", () => {
    const values = config.load({ env: TOKEN });
    expect(values).toMatchObject({ ackTimeoutMs: 2000, receiveBufferBytes: 4_194_304, mode: "flow", strict: false });
    expect(values.api).toEqual({ port: 8080, token: "t", origins: [] });
    expect(values.kafka).toMatchObject({ lingerMs: 10, bootstrapServers: ["localhost:9092"], topicPrefix: "" });
  });

  it("prefers the environment to YAML and YAML to the defaults", () => {
    const yaml = "ackTimeout: 3s\nmode: vip\nkafka:\n  linger.ms: 20\n  bootstrapServers: [a:1, b:2]\n";
    const values = config.load({ env: { ...TOKEN, LWM2M_ACK_TIMEOUT: "500ms" }, file: file("b.yaml", yaml) });
    expect(values).toMatchObject({ ackTimeoutMs: 500, mode: "vip" });
    expect(values.kafka).toMatchObject({ lingerMs: 20, bootstrapServers: ["a:1", "b:2"] });
  });

  it("takes the name of the YAML file from the environment", () => {
    expect(config.load({ env: { ...TOKEN, LWM2M_CONFIG: file("c.yaml", "strict: true\n") } }).strict).toBe(true);
  });

  it("reads a secret from the file that a variable or a key names, without its last line end", () => {
    const secretFile = file("token", "s3cret\n");
    expect(config.load({ env: { LWM2M_API_TOKEN_FILE: secretFile } }).api.token).toBe("s3cret");
    const yaml = file("d.yaml", `api:\n  tokenFile: ${secretFile}\n`);
    expect(config.load({ env: {}, file: yaml }).api.token).toBe("s3cret");
  });

  it.each([
    ["500ms", 500],
    ["2s", 2000],
    ["1.5s", 1500],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["250", 250],
  ])("takes the duration %s as %d ms", (given, ms) => {
    expect(config.load({ env: { ...TOKEN, LWM2M_ACK_TIMEOUT: given } }).ackTimeoutMs).toBe(ms);
  });

  it.each([
    ["512KiB", 524_288],
    ["1GiB", 1_073_741_824],
    ["100", 100],
  ])("takes the size %s as %d bytes", (given, size) => {
    expect(config.load({ env: { ...TOKEN, LWM2M_RECEIVE_BUFFER: given } }).receiveBufferBytes).toBe(size);
  });

  it("takes an empty variable as not set", () => {
    expect(config.load({ env: { ...TOKEN, LWM2M_ACK_TIMEOUT: "", LWM2M_NOTE: "" } }).ackTimeoutMs).toBe(2000);
  });

  it("does not mind the variables that Kubernetes sets for its Services", () => {
    const env = { KAFKA_PORT: "tcp://10.0.0.1:9092", LWM2M_ROUTER_SERVICE_HOST: "10.0.0.2", KAFKA_HOME: "/opt/kafka" };
    expect(problems(env)).toEqual([]);
  });

  it.each<[string, Record<string, string>, string | undefined, string]>([
    [
      "a wrong duration",
      { LWM2M_ACK_TIMEOUT: "2 sec" },
      undefined,
      'LWM2M_ACK_TIMEOUT: "2 sec" is not valid: give a duration such as 500ms, 2s or 5m, at least 10ms',
    ],
    [
      "a duration below its minimum",
      { LWM2M_ACK_TIMEOUT: "1ms" },
      undefined,
      'LWM2M_ACK_TIMEOUT: "1ms" is not valid: give a duration such as 500ms, 2s or 5m, at least 10ms',
    ],
    [
      "a wrong port",
      { LWM2M_API_PORT: "99999" },
      undefined,
      'LWM2M_API_PORT: "99999" is not valid: give a port from 0 to 65535',
    ],
    ["a wrong choice", { LWM2M_MODE: "nat" }, undefined, 'LWM2M_MODE: "nat" is not valid: give one of flow, vip'],
    ["a wrong value in YAML", {}, "strict: maybe\n", 'a.yaml: strict: "maybe" is not valid: give true or false'],
    [
      "a misspelt variable",
      { LWM2M_ACK_TIMEOUTS: "2s" },
      undefined,
      "LWM2M_ACK_TIMEOUTS is not a setting: did you mean LWM2M_ACK_TIMEOUT?",
    ],
    [
      "a misspelt variable of Kafka",
      { KAFKA_BOOTSTRAP_SERVER: "a:1" },
      undefined,
      "KAFKA_BOOTSTRAP_SERVER is not a setting: did you mean KAFKA_BOOTSTRAP_SERVERS?",
    ],
    [
      "an unknown variable",
      { LWM2M_COLOUR: "red" },
      undefined,
      "LWM2M_COLOUR is not a setting of this service: remove it",
    ],
    [
      "a misspelt key",
      {},
      "kafka:\n  lingerM: 1\n",
      "a.yaml: kafka.lingerM is not a setting: did you mean kafka.lingerMs?",
    ],
    ["an unknown key", {}, "colour: red\n", "a.yaml: colour is not a setting: remove it"],
    ["a section without settings", {}, "kafka: 5\n", "a.yaml: kafka holds settings: write them below it, indented"],
    [
      "a YAML file that is none",
      {},
      "- a\n",
      'a.yaml is not a map of settings: write lines such as "kafka:" and "log:"',
    ],
    [
      "a secret given twice",
      { LWM2M_API_TOKEN_FILE: "/nowhere" },
      undefined,
      "LWM2M_API_TOKEN and LWM2M_API_TOKEN_FILE are both set: leave one of them out",
    ],
    [
      "a setting that others need",
      { KAFKA_SECURITY_PROTOCOL: "SASL_SSL", KAFKA_SASL_USERNAME: "u" },
      undefined,
      "KAFKA_SASL_PASSWORD: SASL_SSL needs it: set it",
    ],
  ])("names the key, the problem and the fix of %s in one line", (_, env, yaml, line) => {
    expect(problems(env, yaml)).toContain(line);
  });

  it("says which required setting is missing and where it may be given", () => {
    expect(() => config.load({ env: {} })).toThrow(
      "LWM2M_API_TOKEN is not set: give a text, or the name of a file that holds it, there or as api.token in the YAML file",
    );
  });

  it("says where the YAML is broken, or that there is no such file", () => {
    expect(problems({}, "a: [1\nb: 2\n")[0]).toMatch(/^a\.yaml:\d+: .*: correct the YAML$/);
    expect(() => config.load({ env: TOKEN, file: "/nowhere.yaml" })).toThrow(
      "/nowhere.yaml cannot be read (ENOENT): name a readable YAML file",
    );
  });

  it("never shows a secret, neither in an error nor among the settings in force", () => {
    const values = config.load({ env: { LWM2M_API_TOKEN: "hush" } });
    expect(config.effective(values)).toMatchObject({ "api.token": "******", ackTimeout: "2s", receiveBuffer: "4MiB" });
    expect(JSON.stringify(problems({ LWM2M_API_TOKEN: "hush", LWM2M_MODE: "x" }))).not.toContain("hush");
  });

  it("describes every setting", () => {
    expect(config.describe()).toContainEqual({
      env: "LWM2M_ACK_TIMEOUT",
      yaml: "ackTimeout",
      type: "duration",
      defaultText: "2s",
      required: false,
      secret: false,
      description: "First CON retransmission (RFC 7252 §4.8).",
    });
    expect(config.describe().find(({ env }) => env === "LWM2M_API_TOKEN")).toMatchObject({
      required: true,
      secret: true,
    });
    expect(config.describe().filter(({ description }) => description === "")).toEqual([]);
  });

  it.each<[unknown, boolean]>([
    [{ ackTimeout: "3s", api: { tokenFile: "/run/token" }, kafka: { lingerMs: 5, bootstrapServers: ["a:1"] } }, true],
    [{ ackTimeout: 3000, api: { port: 80, origins: "a,b" } }, true],
    [{ ackTimeout: "3 seconds" }, false],
    [{ api: { port: 70000 } }, false],
    [{ mode: "nat" }, false],
    [{ colour: "red" }, false],
  ])("has a JSON Schema that tells of %j: %s", (yaml, valid) => {
    expect(new Ajv({ strict: false }).validate(config.jsonSchema(), yaml)).toBe(valid);
  });

  it("is a JSON Schema of its YAML file", () => {
    const schema = config.jsonSchema();
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties.ackTimeout).toMatchObject({ type: ["string", "number"], default: "2s" });
    expect(schema.properties.api).toMatchObject({
      properties: {
        port: { type: "integer", minimum: 0, maximum: 65535, default: 8080 },
        tokenFile: { type: "string" },
      },
    });
  });
});
