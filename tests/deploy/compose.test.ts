import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { BOOTSTRAP_CONFIG } from "@ferry/bootstrap";
import { CONSOLE_CONFIG } from "@ferry/console";
import { RPC_ROUTER_CONFIG } from "@ferry/rpc-router";
import { TRANSPORT_CONFIG } from "@ferry/transport";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { ROOT, run } from "./chart-tools.ts";

const FILE = join(ROOT, "docker-compose.yml");
const CONFIGS = {
  transport: TRANSPORT_CONFIG,
  bootstrap: BOOTSTRAP_CONFIG,
  "rpc-router": RPC_ROUTER_CONFIG,
  console: CONSOLE_CONFIG,
} as const;

/** A service as the specification's own loader understands it. */
interface Service {
  readonly image: string;
  readonly build?: { readonly target: string };
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly { readonly host_ip?: string; readonly published: string; readonly protocol: string }[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly volumes?: readonly { readonly source: string }[];
  readonly secrets?: readonly { readonly source: string }[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
}

interface Project {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly secrets: Readonly<Record<string, unknown>>;
}

let directory: string;
let project: Project;
let services: Project["services"];
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ferry-compose-"));
  const { output, refusal } = run("compose-spec", [FILE]);
  expect(refusal).toBeUndefined();
  project = parse(output) as Project;
  ({ services } = project);
});
afterAll(() => rmSync(directory, { recursive: true }));

const refusalOf = (from: string, to: string): string | undefined => {
  const text = readFileSync(FILE, "utf8");
  expect(text).toContain(from);
  const file = join(directory, "docker-compose.yml");
  writeFileSync(file, text.replace(from, to));
  return run("compose-spec", [file]).refusal;
};

/** A file in place of one that Compose mounts. */
function secretFile(path: string): string {
  const file = join(directory, basename(path));
  writeFileSync(file, "secret");
  return file;
}

describe("docker-compose.yml", () => {
  it("has Kafka, Redis, every service, what is provisioned once, and a device", () => {
    expect(Object.keys(services).sort()).toEqual(
      ["bootstrap", "console", "device", "kafka", "provision", "redis", "rpc-router", "transport"].sort(),
    );
  });

  it("builds every image from a stage of the Dockerfile", () => {
    const stages = [...readFileSync(join(ROOT, "Dockerfile"), "utf8").matchAll(/ AS (\S+)/g)].map(([, stage]) => stage);
    const built = Object.values(services).flatMap(({ build, image }) =>
      build ? [{ target: build.target, image }] : [],
    );
    expect(built).toHaveLength(6);
    for (const { target, image } of built) {
      expect(stages).toContain(target);
      expect(image).toBe(`ferry/${target}`);
    }
  });

  it("runs Ferry's containers as nobody, with nothing to write to and no privileges", () => {
    for (const service of Object.values(services).filter(({ build }) => build)) {
      expect(service).toMatchObject({
        user: "65534:65534",
        read_only: true,
        cap_drop: ["ALL"],
        security_opt: ["no-new-privileges:true"],
      });
    }
  });

  it.each(Object.keys(CONFIGS) as (keyof typeof CONFIGS)[])("gives the %s settings that it takes", (name) => {
    const { environment = {}, secrets = [] } = services[name] ?? {};
    const files = Object.entries(environment).filter(([setting]) => setting.endsWith("_FILE"));
    const mounted = secrets.map(({ source }) => `/run/secrets/${source}`);
    expect(files.map(([, path]) => path).sort()).toEqual(mounted.sort());
    const env = Object.fromEntries(
      Object.entries(environment).map(([setting, value]) =>
        setting.endsWith("_FILE") ? [setting, secretFile(value)] : [setting, value],
      ),
    );
    expect(CONFIGS[name].load({ env }).kafka.bootstrapServers).toEqual(["kafka:9092"]);
  });

  it("names only services, volumes and secrets that there are", () => {
    const { volumes, secrets } = project;
    for (const service of Object.values(services)) {
      for (const name of Object.keys(service.depends_on ?? {})) expect(services).toHaveProperty([name]);
      for (const { source } of service.volumes ?? []) expect(volumes).toHaveProperty([source]);
      for (const { source } of service.secrets ?? []) expect(secrets).toHaveProperty([source]);
    }
  });

  it("starts each when what it needs is there", () => {
    for (const { healthcheck, build } of Object.values(services)) if (!build) expect(healthcheck).toBeDefined();
    for (const { depends_on = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        if (condition === "service_healthy") expect(services[name]?.healthcheck).toBeDefined();
      }
    }
    expect(services.device?.depends_on).toMatchObject({ provision: { condition: "service_completed_successfully" } });
  });

  it("publishes only CoAP, plain and over DTLS, beyond this machine", () => {
    const beyond = Object.values(services).flatMap(({ ports = [] }) =>
      ports.filter(({ host_ip }) => host_ip !== "127.0.0.1"),
    );
    const published = beyond.map((port) => `${port.published}/${port.protocol}`).sort();
    expect(published).toEqual(["5685/udp", "5686/udp", "5687/udp", "5688/udp"]);
  });
});

describe("the check of Compose files", () => {
  it.each([
    ["a misspelt key", "read_only: true", "readonly: true", "readonly false schema"],
    ["a condition that there is not", "condition: service_healthy", "condition: healthy", "must be one of"],
    [
      "a list that is none",
      'ports: ["5685:5685/udp", "5686:5686/udp"]',
      "ports: 5685",
      "services.transport.ports must be a array",
    ],
  ])("refuses %s", (_, from, to, reason) => {
    expect(refusalOf(from, to)).toContain(reason);
  });
});
