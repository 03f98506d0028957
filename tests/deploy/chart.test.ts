import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BOOTSTRAP_CONFIG } from "@ferry/bootstrap";
import { CONSOLE_CONFIG } from "@ferry/console";
import { RPC_ROUTER_CONFIG } from "@ferry/rpc-router";
import { TRANSPORT_CONFIG } from "@ferry/transport";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { run } from "./chart-tools.ts";
import { type CheckManifest, createManifestCheck, type Manifest } from "./kubernetes-schema.ts";

const KUBERNETES = "1.34.2";
const VALUES = {
  "its defaults": [],
  "the example's values": ["deploy/values-example.yaml"],
  "every value set": ["tests/deploy/values-all.yaml"],
} as const;
const CONFIGS = {
  transport: TRANSPORT_CONFIG,
  bootstrap: BOOTSTRAP_CONFIG,
  "rpc-router": RPC_ROUTER_CONFIG,
  console: CONSOLE_CONFIG,
} as const;

const chart = (command: readonly string[], files: readonly string[], set: readonly string[] = []) =>
  run("helm", [
    ...command,
    "helm/ferry",
    `--kube-version=${KUBERNETES}`,
    ...files.map((file) => `--values=${file}`),
    ...set.map((value) => `--set=${value}`),
  ]);

const rendered = new Map<string, readonly Manifest[]>();
function render(files: readonly string[], set: readonly string[] = []): readonly Manifest[] {
  const key = [...files, ...set].join();
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const { output, refusal } = chart(["template", "test"], files, set);
  expect(refusal).toBeUndefined();
  const manifests = parseAllDocuments(output).map((document) => document.toJS() as Manifest);
  rendered.set(key, manifests);
  return manifests;
}

const refusalOf = (...set: readonly string[]): string | undefined => chart(["template", "test"], [], set).refusal;
const isWorkload = ({ kind }: Manifest): boolean => kind === "StatefulSet" || kind === "Deployment";
const serviceOf = ({ metadata }: Manifest): keyof typeof CONFIGS =>
  metadata.labels?.["app.kubernetes.io/component"] as keyof typeof CONFIGS;
const named = (manifests: readonly Manifest[], kind: string, name: string): Manifest =>
  manifests.find((manifest) => manifest.kind === kind && manifest.metadata.name === name) as Manifest;

let check: CheckManifest;
let directory: string;
beforeAll(() => {
  check = createManifestCheck();
  directory = mkdtempSync(join(tmpdir(), "ferry-chart-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe.each(Object.entries(VALUES))("the chart with %s", (_, files) => {
  it("passes helm lint --strict", () => {
    expect(chart(["lint", "--strict"], files)).toMatchObject({ output: expect.stringContaining("0 chart(s) failed") });
  });

  it("renders only what the API server takes", () => {
    const manifests = render(files);
    expect(manifests.length).toBeGreaterThan(8);
    expect(manifests.flatMap(check)).toEqual([]);
  });

  it("gives every service settings that it takes, and more time to end than it asks for", () => {
    const manifests = render(files);
    for (const workload of manifests.filter(isWorkload)) {
      const settings = loadSettings(manifests, workload);
      expect(workload.spec.template.spec.terminationGracePeriodSeconds * 1000).toBeGreaterThan(
        settings.node.shutdownMs,
      );
      const http = workload.spec.template.spec.containers[0].ports.find(
        ({ name }: { name: string }) => name === "http",
      );
      expect(http.containerPort).toBe(settings.http.port);
    }
  });

  it("keeps every pod to the restricted Pod Security Standard, without a token for the API server", () => {
    for (const { spec } of render(files).filter(isWorkload)) {
      const pod = spec.template.spec;
      expect(pod).toMatchObject({
        automountServiceAccountToken: false,
        securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: "RuntimeDefault" } },
      });
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        expect(container.resources).toMatchObject({ requests: expect.anything(), limits: expect.anything() });
      }
    }
  });

  it("has each Service, budget and policy select a workload's pods, and each workload mount what is there", () => {
    const manifests = render(files);
    const pods = manifests.filter(isWorkload).map(({ spec }) => spec.template.metadata.labels);
    const selects = (selector: Readonly<Record<string, string>>): boolean =>
      pods.some((labels) => Object.entries(selector).every(([name, value]) => labels[name] === value));
    for (const { kind, spec } of manifests) {
      if (kind === "Service") expect(selects(spec.selector)).toBe(true);
      if (kind === "PodDisruptionBudget") expect(selects(spec.selector.matchLabels)).toBe(true);
      if (kind === "NetworkPolicy") expect(selects(spec.podSelector.matchLabels)).toBe(true);
    }
    const secret = manifests.find(({ kind }) => kind === "Secret");
    for (const { configMap, secret: source } of manifests.filter(isWorkload).flatMap(sourcesOf)) {
      if (configMap) expect(named(manifests, "ConfigMap", configMap.name)).toBeDefined();
      if (source && source.name === secret?.metadata.name) expect(secret?.data).toHaveProperty([source.items[0].key]);
    }
  });
});

describe("the chart", () => {
  it("takes a transport node's slot from its pod's ordinal", () => {
    const manifests = render([]);
    const transport = named(manifests, "StatefulSet", "test-ferry-transport");
    expect(transport.spec).toMatchObject({
      podManagementPolicy: "Parallel",
      serviceName: "test-ferry-transport-nodes",
    });
    expect(transport.spec.template.spec.containers[0].env).toContainEqual({
      name: "LWM2M_NODE_NAME",
      valueFrom: { fieldRef: { fieldPath: "metadata.name" } },
    });
    expect(loadSettings(manifests, transport).node).toMatchObject({ slot: "ordinal" });
  });

  it("keeps the devices' source addresses unless told otherwise", () => {
    expect(named(render([]), "Service", "test-ferry-transport").spec).toMatchObject({
      type: "LoadBalancer",
      externalTrafficPolicy: "Local",
      ports: [{ port: 5685, targetPort: "coap", protocol: "UDP" }],
    });
    expect(render([], ["transport.service.type=ClusterIP"]).flatMap(check)).toEqual([]);
  });

  it("gives the DTLS listener its keys as a folder of a Secret, whose changes reach the pod", () => {
    const manifests = render(VALUES["every value set"]);
    const transport = named(manifests, "StatefulSet", "fleet-transport");
    const { containers, volumes } = transport.spec.template.spec;
    expect(loadSettings(manifests, transport)).toMatchObject({
      dtls: { port: 5784, keys: "/etc/ferry-dtls".replace("/etc/ferry", directory), sealingKey: "secret" },
    });
    expect(containers[0].volumeMounts).toContainEqual({
      name: "dtls-keys",
      mountPath: "/etc/ferry-dtls",
      readOnly: true,
    });
    expect(volumes[1]).toMatchObject({ projected: { sources: [{ secret: { name: "dtls-keys" } }] } });
    expect(volumes[1].projected.sources[0].secret).not.toHaveProperty("items");
  });

  it("opens the DTLS port where there is a DTLS listener", () => {
    const manifests = render(VALUES["the example's values"]);
    expect(named(manifests, "Service", "test-ferry-transport").spec.ports).toContainEqual({
      name: "coaps",
      port: 5684,
      targetPort: "coaps",
      protocol: "UDP",
    });
    expect(named(manifests, "NetworkPolicy", "test-ferry-transport").spec.ingress).toContainEqual({
      ports: [
        { port: "coap", protocol: "UDP" },
        { port: "coaps", protocol: "UDP" },
      ],
    });
  });

  it("has no DTLS port where there is none", () => {
    const manifests = render([], ["networkPolicy.enabled=true"]);
    expect(JSON.stringify(manifests)).not.toContain("coaps");
    const transport = named(manifests, "StatefulSet", "test-ferry-transport");
    expect(loadSettings(manifests, transport)).toMatchObject({ dtls: { enabled: false } });
  });

  it("has bootstrap servers where they are asked for, with ports and keys of their own", () => {
    expect(render([]).some(({ metadata }) => metadata.name === "test-ferry-bootstrap")).toBe(false);
    const manifests = render(VALUES["every value set"]);
    const bootstrap = named(manifests, "Deployment", "fleet-bootstrap");
    expect(loadSettings(manifests, bootstrap)).toMatchObject({
      bootstrapCoap: { port: 5787 },
      bootstrapDtls: { enabled: true, port: 5788, keys: `${directory}-dtls`, sealingKey: "secret" },
    });
    const { containers, volumes } = bootstrap.spec.template.spec;
    expect(containers[0].ports).toMatchObject([{ containerPort: 5787 }, { containerPort: 5788 }, { name: "http" }]);
    expect(volumes[1]).toMatchObject({ projected: { sources: [{ secret: { name: "bootstrap-keys" } }] } });
    expect(named(manifests, "Service", "fleet-bootstrap").spec.ports).toMatchObject([
      { port: 5783, targetPort: "coap", nodePort: 30687 },
      { port: 5784, targetPort: "coaps", nodePort: 30688 },
    ]);
    const [{ ports }] = named(manifests, "NetworkPolicy", "fleet-bootstrap").spec.ingress;
    expect(ports).toEqual([
      { port: "coap", protocol: "UDP" },
      { port: "coaps", protocol: "UDP" },
    ]);
  });

  it("lets the rpc-router alone make topics", () => {
    const manifests = render([]);
    const topics = Object.fromEntries(
      manifests
        .filter(isWorkload)
        .map((workload) => [serviceOf(workload), loadSettings(manifests, workload).kafka.topics]),
    );
    expect(topics).toEqual({ transport: "verify", "rpc-router": "create" });
  });

  it("shows a secret's value in a Secret and nowhere else", () => {
    const open = render(VALUES["every value set"]).filter(({ kind }) => kind !== "Secret");
    const text = JSON.stringify(open);
    for (const value of [
      "the-password-of-the-key",
      "the-password-of-redis",
      "c2VhbGVk",
      "bm9ib2R5",
      "the-token-of-the-console",
    ]) {
      expect(text).not.toContain(value);
    }
  });

  it("mounts only the secrets that a service needs", () => {
    const manifests = render(VALUES["every value set"]);
    const files = (name: string, kind: string): readonly string[] =>
      sourcesOf(named(manifests, kind, name)).flatMap(({ secret }) => (secret ? [secret.items[0].path] : []));
    expect(files("fleet-transport", "StatefulSet")).not.toContain("api-tokens");
    expect(files("fleet-transport", "StatefulSet")).toContain("dtls-sealing-key");
    expect(files("fleet-rpc-router", "Deployment")).not.toContain("dtls-sealing-key");
    expect(files("fleet-rpc-router", "Deployment")).toContain("provisioning-sealing-key");
    expect(files("fleet-console", "Deployment")).toContain("api-tokens");
    expect(files("fleet-console", "Deployment")).not.toContain("provisioning-sealing-key");
  });

  it.each([
    ["a misspelt value", "rpcrouter.replicas=1", "'rpcrouter' not allowed"],
    ["a setting that the service does not have", "transport.config.coap.prt=1", "at '/transport/config/coap'"],
    ["a setting of Kafka that there is not", "kafka.bootstrapServer=a", "'bootstrapServer' not allowed"],
    ["a duration without sense", "transport.config.drain=soon", "at '/transport/config/drain'"],
    ["a quantity that Kubernetes does not know", "transport.resources.limits.memory=128MB", "'128MB' does not match"],
    ["more nodes than slots", "transport.replicas=65", "maximum"],
    ["half a reference to a Secret", "secrets.redisPassword.secretName=redis", "missing property 'key'"],
    ["a password that would lie in a ConfigMap", "kafka.saslPassword=x", "use secrets.kafkaSaslPassword"],
    ["a DTLS listener without a key", "transport.dtls.enabled=true", "secrets.dtlsSealingKey"],
    [
      "a DTLS listener of the bootstrap server without a key",
      "bootstrap.enabled=true,bootstrap.dtls.enabled=true",
      "secrets.bootstrapDtlsSealingKey",
    ],
    ["more bootstrap servers than slots", "bootstrap.replicas=129", "maximum"],
    ["a console that nobody may use", "console.enabled=true", "secrets.apiTokens"],
  ])("refuses %s", (_, set, reason) => {
    expect(refusalOf(set)).toContain(reason);
  });
});

describe("the check of manifests", () => {
  const broken = (change: (container: Record<string, unknown>) => void): readonly string[] => {
    const manifest = structuredClone(named(render([]), "StatefulSet", "test-ferry-transport"));
    change(manifest.spec.template.spec.containers[0]);
    return check(manifest);
  };

  it("refuses a misspelt field", () => {
    expect(broken((container) => Object.assign(container, { readynessProbe: {} }))).toEqual([
      expect.stringContaining('must NOT have additional properties {"additionalProperty":"readynessProbe"}'),
    ]);
  });

  it("refuses 128MB, which is no quantity, and takes 128M", () => {
    expect(
      broken((container) => Object.assign(container, { resources: { limits: { memory: "128MB" } } })),
    ).toContainEqual(expect.stringMatching(/memory must match pattern/));
    expect(broken((container) => Object.assign(container, { resources: { limits: { memory: "128M" } } }))).toEqual([]);
  });

  it("refuses a missing field, a wrong type and an unknown kind", () => {
    expect(broken((container) => Object.assign(container, { name: undefined }))).toContainEqual(
      expect.stringContaining("required"),
    );
    expect(broken((container) => Object.assign(container, { ports: {} }))).toContainEqual(
      expect.stringContaining("/ports must be array"),
    );
    expect(check({ apiVersion: "apps/v1", kind: "StatefulSets", metadata: { name: "a" } })).toEqual([
      "apps/v1 StatefulSets is not a kind of Kubernetes",
    ]);
  });
});

interface Source {
  readonly configMap?: { readonly name: string };
  readonly secret?: {
    readonly name: string;
    readonly items: readonly [{ readonly key: string; readonly path: string }];
  };
}

/** What lies under /etc/ferry. */
function sourcesOf({ spec }: Manifest): readonly Source[] {
  return spec.template.spec.volumes.find(({ name }: { name: string }) => name === "etc").projected.sources;
}

/** The settings as the service itself reads them in the pod, with all that is mounted moved to a folder of the test. */
function loadSettings(manifests: readonly Manifest[], workload: Manifest) {
  const map = named(manifests, "ConfigMap", workload.metadata.name);
  for (const { secret } of sourcesOf(workload))
    if (secret) writeFileSync(join(directory, secret.items[0].path), "secret");
  const file = join(directory, "config.yaml");
  writeFileSync(file, map.data["config.yaml"].replaceAll("/etc/ferry", directory));
  return CONFIGS[serviceOf(workload)].load({ env: {}, file });
}
