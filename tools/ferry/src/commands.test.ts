import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ended, endPrograms, Program, runProgram, startKafka } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";

const MAIN = "tools/ferry/src/main.ts";
const READ = 'Read {"id":"/3/0/9"}';
const VALUE = '{"result":"CONTENT","value":"LwM2mSingleResource [id=9, value=100, type=INTEGER]"}\n';
const PORTS = {
  LWM2M_COAP_PORT: "0",
  LWM2M_DTLS_PORT: "0",
  BOOTSTRAP_COAP_PORT: "0",
  BOOTSTRAP_DTLS_PORT: "0",
  LWM2M_API_PORT: "0",
  LWM2M_HTTP_PORT: "0",
};

/** Where a running Ferry is, by options of the command line. */
interface Target {
  readonly options: readonly string[];
  /** UDP ports for devices in the clear: those that are registered, and those from the factory. */
  readonly coapPort: string;
  readonly bootstrapPort: string;
  stop(): Promise<unknown>;
}

async function startStandalone(
  env: Readonly<Record<string, string>>,
): Promise<Omit<Target, "options" | "stop"> & { readonly apiUrl: string; readonly program: Program }> {
  const program = new Program("services/standalone/src/main.ts", [], { ...PORTS, ...env });
  const [, coapPort = "", apiUrl = ""] = await program.prints(/udp port (\d+) \(CoAP.* HTTP API at (\S+)/);
  const [, bootstrapPort = ""] = await program.prints(/bootstraps them on udp port (\d+) /);
  await program.prints(/demo +batteryLevel=100/);
  return { apiUrl, coapPort, bootstrapPort, program };
}

describeCommands("through the HTTP API", async () => {
  const { apiUrl, program, ...ports } = await startStandalone({});
  return { ...ports, options: ["--api-url", apiUrl], stop: () => program.end("SIGINT") };
});

describeCommands("through Kafka alone", async () => {
  const kafka = await startKafka();
  const bootstrapServers = kafka.bootstrapServers.join(",");
  const topicPrefix = `cli-${process.pid}-${Date.now()}.`;
  const bus = { LWM2M_BUS: "kafka", KAFKA_BOOTSTRAP_SERVERS: bootstrapServers, KAFKA_TOPIC_PREFIX: topicPrefix };
  const { program, apiUrl: _, ...ports } = await startStandalone(bus);
  return {
    ...ports,
    options: ["--bootstrap-servers", bootstrapServers, "--topic-prefix", topicPrefix],
    stop: async () => {
      await program.end("SIGINT");
      await kafka.stop();
    },
  };
});

function modelXml(id: number): string {
  const resource = `<Item ID="0"><Name>Value</Name><Operations>R</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Mandatory</Mandatory><Type>Float</Type></Item>`;
  return `<LWM2M><Object ObjectType="MODefinition"><Name>Test</Name><ObjectID>${id}</ObjectID><ObjectURN>urn:oma:lwm2m:x:${id}</ObjectURN><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources>${resource}</Resources></Object></LWM2M>`;
}

/** The commands do the same whichever way they take. */
function describeCommands(way: string, start: () => Promise<Target>): void {
  describe(`ferry ${way}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "ferry-cli-"));
    let target: Target;
    beforeAll(async () => {
      target = await start();
    }, 60_000);
    afterAll(async () => {
      await endPrograms();
      await target?.stop();
      rmSync(folder, { recursive: true });
    }, 30_000);

    const ferry = (...args: string[]): Promise<Ended> => runProgram(MAIN, [...args, ...target.options]);
    const file = (name: string, content: string): string => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    };

    it("rpc prints the answer as ThingsBoard does and exits with 0", async () => {
      expect(await ferry("rpc", "demo", READ)).toEqual({ code: 0, stdout: VALUE, stderr: "" });
    });

    it("rpc exits with 1 when the device is not there, or refuses", async () => {
      expect(await ferry("rpc", "nobody", READ)).toEqual({
        code: 1,
        stdout: '{"status":"NOT_REGISTERED","error":"The device is not registered"}\n',
        stderr: expect.stringMatching(/^ferry: `ferry devices` lists those that are registered/),
      });
      const refused = await ferry("rpc", "demo", 'Read {"id":"/3/0/99"}', "--full");
      expect(refused.code).toBe(1);
      expect(JSON.parse(refused.stdout)).toMatchObject({ endpoint: "demo", status: "FAILED" });
    });

    it("rpc --progress says how far the request is", async () => {
      const { code, stdout, stderr } = await ferry("rpc", "demo", READ, "--progress");
      expect({ code, stdout }).toEqual({ code: 0, stdout: VALUE });
      expect(stderr).toMatch(/ demo +progress {2}QUEUED \S+\n.* progress {2}SENT \S+\n.* progress {2}DELIVERED /);
    });

    it("desire has a resource written, and a refusal told", async () => {
      const values = new Program(MAIN, ["tail", "attributes", "--endpoint", "demo", ...target.options]);
      await values.prints(/following attributes/);
      const refusals = new Program(MAIN, ["tail", "lifecycle", "--endpoint", "demo", ...target.options]);
      await refusals.prints(/following lifecycle/);
      expect(await ferry("desire", "demo", "timezone", "Asia/Tokyo")).toEqual({
        code: 0,
        stdout: "desired timezone of demo\n",
        stderr: "",
      });
      await values.prints(/timezone=Asia\/Tokyo/);
      await ferry("desire", "demo", "timezone", '"{Tokyo}"');
      await values.prints(/timezone=\{Tokyo\}/);
      await ferry("desire", "demo", "batteryLevel", "50");
      await refusals.prints(/write_failed {2}batteryLevel \/3\/0\/9: METHOD_NOT_ALLOWED/);
      expect(await ferry("desire", "demo", "batteryLevel", "--withdraw")).toMatchObject({ code: 0 });
      expect(await ferry("desire", "demo", "a/b", "1")).toEqual({
        code: 2,
        stdout: "",
        stderr: "ferry: key must not contain a /\n",
      });
      await values.end("SIGINT");
      await refusals.end("SIGINT");
    });

    it("devices lists the registrations, for people and for programs", async () => {
      const table = await ferry("devices");
      expect(table.stdout).toMatch(/^ENDPOINT {2}TENANT .*\ndemo {6}default {2}quickstart {2}1\.1 {4}300 s /);
      expect(table.stderr).toBe("1 registered\n");
      expect(JSON.parse((await ferry("devices", "--json")).stdout)).toMatchObject({ endpoint: "demo", lifetimeS: 300 });
      expect(await ferry("devices", "--json", "--tenant", "acme")).toEqual({ code: 0, stdout: "", stderr: "" });
    });

    it("devices show shows one of them", async () => {
      expect((await ferry("devices", "show", "demo")).stdout).toMatch(/^endpoint {4}demo\n.*^security {4}NO_SEC\n/ms);
      expect(await ferry("devices", "show", "nobody")).toEqual({
        code: 1,
        stdout: "",
        stderr: "ferry: nobody is not registered\n",
      });
    });

    it("bootstrap show says where no bootstrap is known", async () => {
      expect(await ferry("bootstrap", "show", "demo")).toEqual({
        code: 1,
        stdout: "",
        stderr: "ferry: no bootstrap of demo is known\n",
      });
    });

    it("bootstrap trigger says why the device does not take it, also with --wait", async () => {
      const refused = {
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(
          /^ferry: demo was not told to bootstrap: BAD_REQUEST: probably no bootstrap server configured\nferry: a device can be told to bootstrap when it has an account/,
        ),
      };
      expect(await ferry("bootstrap", "trigger", "demo")).toEqual(refused);
      expect(await ferry("bootstrap", "trigger", "demo", "--wait")).toEqual(refused);
      expect(await ferry("bootstrap", "trigger", "nobody", "--wait")).toEqual({
        code: 1,
        stdout: "",
        stderr: expect.stringMatching(
          /^ferry: nobody was not told to bootstrap: The device is not registered\nferry: `ferry devices` lists those/,
        ),
      });
    });

    it("tail follows the records of a device until Ctrl-C", async () => {
      const tail = new Program(MAIN, ["tail", "telemetry", "--endpoint", "demo", ...target.options]);
      await tail.prints(/following telemetry; Ctrl-C ends it\n/);
      await tail.prints(/^\d\d:\d\d:\d\d\.\d{3} {2}demo {14}temperature=\d+(\.\d)?\n/m);
      expect((await tail.end("SIGINT")).code).toBe(0);
    });

    it("tail begins with the oldest record when it is told to", async () => {
      const tail = new Program(MAIN, ["tail", "lifecycle", "--from", "earliest", "--json", ...target.options]);
      const [line] = await tail.prints(/^\{.*LIFECYCLE_EVENT_REGISTERED.*\}\n/m);
      expect(JSON.parse(line)).toMatchObject({ stream: "lifecycle", key: "default/demo" });
      await tail.end("SIGTERM");
    });

    it("apply, diff, get and delete keep what is declared", async () => {
      const path = file(
        "meter.yaml",
        `kind: profile\nname: meter\nresources:\n  /3/0/9: { key: battery, telemetry: true }\n---\n` +
          `kind: device\nendpoint: meter-1\nprofile: meter\ncredentials: [{ noSec: true }]\n`,
      );
      expect(await ferry("diff", "-f", path)).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/^create {5}profile meter\ncreate {5}device meter-1\n$/),
      });
      expect(await ferry("apply", "-f", path)).toEqual({
        code: 0,
        stdout: "applied profile meter\napplied device meter-1\n2 applied, 0 unchanged, 0 deleted, 0 rejected\n",
        stderr: "",
      });
      expect((await ferry("get", "devices")).stdout).toMatch(/^device +default +meter-1$/m);
      const shown = await ferry("get", "profiles", "meter", "-o", "yaml");
      expect(shown.stdout).toMatch(/^kind: profile\nname: meter\nresources:\n/);
      const written = file("again.yaml", shown.stdout);
      expect((await ferry("diff", "-f", written)).stdout).not.toMatch(/profile meter/);

      expect(await ferry("delete", "devices", "meter-1")).toMatchObject({
        code: 0,
        stdout: "deleted device meter-1\n",
      });
      expect(await ferry("get", "device", "meter-1")).toMatchObject({
        code: 1,
        stderr: "ferry: no device meter-1 is declared\n",
      });
      expect(await ferry("delete", "device", "meter-1")).toMatchObject({
        code: 1,
        stdout: "",
        stderr: "ferry: no device meter-1 is declared in tenant default\n",
      });
    });

    it("apply says of what is rejected where it was declared, and exits with 1", async () => {
      const path = file(
        "lone.yaml",
        "kind: device\nendpoint: lone\nprofile: nothing\ncredentials: [{ noSec: true }]\n",
      );
      const { code, stdout, stderr } = await ferry("apply", "-f", path);
      expect(code).toBe(1);
      expect(stderr).toMatch(/^rejected device lone \(.*lone\.yaml:1\): profile "nothing" is not a profile of/);
      expect(stdout).toBe("0 applied, 0 unchanged, 0 deleted, 1 rejected\n");
    });

    it("apply warns of a profile that asks for what no model knows, and applies it", async () => {
      const path = file(
        "odd.yaml",
        "kind: profile\nname: odd\nresources:\n  /3/0/4: { key: reboot, telemetry: true }\n  /40001/0/0: { key: own }\n",
      );
      expect(await ferry("apply", "-f", path)).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^applied profile odd\n/),
        stderr: expect.stringMatching(
          /^warning: profile odd \(.*odd\.yaml:1\): \/3\/0\/4 \(reboot\): Reboot can only be executed: .*\nwarning: .*no model of object 40001 is known/,
        ),
      });
    });

    it("apply --prune --dry-run says what would go, and --prune alone lets it go", async () => {
      const dry = await ferry("apply", "-f", "examples/quickstart", "--prune", "--dry-run");
      expect(dry).toMatchObject({ code: 0, stdout: expect.stringContaining("delete     profile meter\n") });
      const pruned = await ferry("apply", "-f", "examples/quickstart", "--prune");
      expect(pruned.stdout).toMatch(/deleted profile meter\n/);
      expect(pruned.stdout).toMatch(/\d applied, \d unchanged, \d deleted, 0 rejected\n$/);
      expect((await ferry("diff", "-f", "examples/quickstart", "--prune")).code).toBe(0);
    });

    it("apply of a folder with a bad file names it, applies the others and exits with 1; again it publishes nothing anew", async () => {
      const models = join(folder, "models");
      mkdirSync(models, { recursive: true });
      for (let id = 30_000; id < 30_025; id++) writeFileSync(join(models, `${id}.xml`), modelXml(id));
      writeFileSync(join(models, "bad.xml"), "<LWM2M>");
      const first = await ferry("apply", "-f", models);
      expect(first).toMatchObject({ code: 1, stdout: "25 applied, 0 unchanged, 0 deleted, 1 rejected\n" });
      expect(first.stderr).toMatch(/^rejected .*bad\.xml: /);
      expect((await ferry("apply", "-f", models)).stdout).toBe("0 applied, 25 unchanged, 0 deleted, 1 rejected\n");
      expect(await ferry("apply", "-f", models, "--prune")).toMatchObject({ code: 2, stdout: "" });
      expect((await ferry("get", "models", "30000_1.0")).stdout).toMatch(/^model +default +30000_1\.0$/m);
    });

    it("bootstrap show shows how a device from the factory got its server, and trigger has that done again", async () => {
      const server = `{ shortServerId: 101, security: noSec, host: 127.0.0.1, port: ${target.coapPort} }`;
      const documents = file(
        "factory.yaml",
        `kind: profile\nname: factory\nresources: {}\nbootstrap: { servers: [${server}] }\n---\n` +
          `kind: device\nendpoint: fresh\nprofile: factory\ncredentials: [{ noSec: true }]\n`,
      );
      expect(await ferry("apply", "-f", documents)).toMatchObject({ code: 0 });
      const from = ["--bootstrap", `coap://127.0.0.1:${target.bootstrapPort}`];
      const device = new Program(MAIN, ["simulate", "--endpoint", "fresh", ...from]);
      await device.prints(/1 of 1 registered/);
      const { stdout: first } = await ferry("bootstrap", "show", "fresh");
      expect(first).toMatch(
        /^endpoint {2}fresh\noutcome {3}finished after \d+ ms\nsecurity {2}NO_SEC\nservers {3}server 101 coap:/,
      );
      expect(first).toMatch(/Z {2}started .*Z {2}written {5}\/1\/0 {2}2\.04\n.*Z {2}finished .*2\.04\n$/s);

      const again = await ferry("bootstrap", "trigger", "fresh", "--wait", "--wait-timeout", "60000");
      expect(again).toMatchObject({ code: 0, stderr: "" });
      expect(again.stdout).toMatch(/ fresh +bootstrap started .* fresh +bootstrap finished 2\.04 /s);
      const { sessionId } = JSON.parse((await ferry("bootstrap", "show", "fresh", "--json")).stdout);
      expect(first).not.toContain(sessionId);
      await device.end("SIGINT");
    }, 60_000);

    it("delete takes back the key that Ferry made for a device", async () => {
      const documents = file(
        "keyed.yaml",
        `kind: profile\nname: keyed\nbootstrap: { servers: [{ shortServerId: 101, security: psk, host: 127.0.0.1, port: 5686 }] }\n---\n` +
          `kind: device\nendpoint: keyed\nprofile: keyed\ncredentials: [{ psk: { identity: keyed, key: "${"ab".repeat(16)}" } }]\n` +
          `bootstrap: { bootstrapServer: { noSec: true }, server: { generate: psk } }\n`,
      );
      expect(await ferry("apply", "-f", documents)).toMatchObject({ code: 0 });
      const tail = new Program(MAIN, ["tail", "bootstrap", "--endpoint", "keyed", ...target.options]);
      await tail.prints(/following bootstrap/);
      const from = ["--bootstrap", `coap://127.0.0.1:${target.bootstrapPort}`];
      const device = new Program(MAIN, ["simulate", "--endpoint", "keyed", ...from]);
      await tail.prints(/bootstrap finished/);
      await tail.end("SIGINT");
      await device.end("SIGINT");
      expect((await ferry("get", "credential", "keyed")).stdout).toMatch(/^credential +default +keyed$/m);
      expect(await ferry("delete", "credential", "keyed")).toEqual({
        code: 0,
        stdout: "deleted credential keyed\n",
        stderr: "",
      });
      expect(await ferry("get", "credentials", "keyed")).toMatchObject({ code: 1 });
    }, 60_000);
  });
}
