import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openUdpSocket } from "@ferry/runtime";
import { endPrograms, Program, runProgram } from "@ferry/testing";
import { afterAll, afterEach, describe, expect, it } from "@jest/globals";

const MAIN = "services/standalone/src/main.ts";
/** Free ports, chosen by the system. */
const PORTS = {
  LWM2M_COAP_PORT: "0",
  LWM2M_DTLS_PORT: "0",
  BOOTSTRAP_COAP_PORT: "0",
  BOOTSTRAP_DTLS_PORT: "0",
  LWM2M_API_PORT: "0",
  LWM2M_HTTP_PORT: "0",
};

const folder = mkdtempSync(join(tmpdir(), "ferry-standalone-"));
afterEach(endPrograms);
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("standalone", () => {
  it("shows a device that registers, its attributes and its telemetry, what to try next, and ends at Ctrl-C", async () => {
    const standalone = new Program(MAIN, [], PORTS);
    await standalone.prints(/udp port \d+ \(CoAP, NoSec\) and \d+ \(DTLS\); HTTP API at http:\/\/127\.0\.0\.1:\d+\n/);
    await standalone.prints(/It bootstraps them on udp port \d+ \(CoAP, NoSec\) and \d+ \(DTLS\)\n/);
    await standalone.prints(/npx ferry rpc demo 'Read \{"id":"\/3\/0\/9"\}'/);
    await standalone.prints(/demo {14}registered {2}lifetime 300 s, LwM2M 1\.1, from 127\.0\.0\.1:\d+/);
    await standalone.prints(/demo {14}attributes {2}manufacturer=Ferry/);
    await standalone.prints(/demo {14}batteryLevel=100 %/);
    // A second value of the same key: the feed is live.
    await standalone.prints(/temperature=21\.5.*temperature=22/s);
    expect(await standalone.end("SIGINT")).toMatchObject({ code: 0, stderr: "" });
  }, 40_000);

  it("names a device of one's own choice in the commands to try, and none is simulated when it is empty", async () => {
    const standalone = new Program(MAIN, [], { ...PORTS, LWM2M_DEMO_ENDPOINT: "sim-7" });
    await standalone.prints(/npx ferry rpc sim-7 /);
    await standalone.prints(/sim-7 {13}registered/);
    expect((await standalone.end("SIGTERM")).code).toBe(0);
  });
});

describe("standalone over DTLS", () => {
  const CLI = "tools/ferry/src/main.ts";
  const KEY = "7365637265742d6f662d612d64656d6f";

  it("serves a device with a pre-shared key, shows how it is connected, and tells of one with another key", async () => {
    const env = {
      LWM2M_APPLY: "examples/quickstart,examples/dtls,examples/bootstrap",
      LWM2M_DTLS_WRONG_KEY_TIMEOUT: "2s",
    };
    const standalone = new Program(MAIN, [], { ...PORTS, ...env });
    const [, port = "", url = ""] = await standalone.prints(/and (\d+) \(DTLS\); HTTP API at (\S+)\n/);
    const simulate = (key: string): Program => {
      const secured = ["--endpoint", "secure-demo", "--security", "psk", "--psk-key", key];
      return new Program(CLI, ["simulate", ...secured, "--server", `127.0.0.1:${port}`]);
    };
    const ferry = (...args: string[]): ReturnType<typeof runProgram> => runProgram(CLI, [...args, "--api-url", url]);

    const device = simulate(KEY);
    await standalone.prints(/secure-demo {7}registered {2}lifetime 300 s, LwM2M 1\.1, from 127\.0\.0\.1:\d+/);
    await standalone.prints(/secure-demo {7}temperature=/);
    expect(await ferry("rpc", "secure-demo", 'Read {"id":"/3/0/0"}')).toEqual({
      code: 0,
      stdout: '{"result":"CONTENT","value":"LwM2mSingleResource [id=0, value=Ferry, type=STRING]"}\n',
      stderr: "",
    });
    const { stdout } = await ferry("devices", "show", "secure-demo");
    expect(stdout).toMatch(/^security {7}PSK$/m);
    expect(stdout).toMatch(/^cipher suite {3}TLS_PSK_WITH_AES_128_\w+$/m);
    expect(stdout).toMatch(/^Connection ID {2}yes: /m);
    expect(stdout).toMatch(/^handshake .* \d+ s ago$/m);

    const impostor = simulate(KEY.replace("73", "74"));
    await standalone.prints(/secure-demo {7}refused {2}DTLS handshake from 127\.0\.0\.1:\d+: /);
    await impostor.end("SIGINT");
    await device.end("SIGINT");
    await standalone.prints(/secure-demo {7}deregistered/);
    expect((await standalone.end("SIGINT")).code).toBe(0);
  }, 60_000);
});

describe("standalone for devices from the factory", () => {
  const CLI = "tools/ferry/src/main.ts";
  const KEY = "7365637265742d6f662d612d64656d6f";

  it("bootstraps a device over DTLS, which then registers with what it was given, and tells of each step", async () => {
    const standalone = new Program(MAIN, [], { ...PORTS, LWM2M_DEMO_ENDPOINT: "", LWM2M_APPLY: "examples/quickstart" });
    const [, dtlsPort = "", url = ""] = await standalone.prints(/and (\d+) \(DTLS\); HTTP API at (\S+)\n/);
    const [, bootstrapPort = ""] = await standalone.prints(/It bootstraps them on .* and (\d+) \(DTLS\)\n/);
    const documents = file(
      "factory.yaml",
      `kind: profile
name: factory
resources: { /3/0/0: { key: manufacturer, attribute: true } }
bootstrap: { servers: [{ shortServerId: 101, security: psk, host: 127.0.0.1, port: ${dtlsPort} }] }
---
kind: device
endpoint: fresh
profile: factory
credentials: [{ psk: { identity: fresh, key: ${KEY} } }]
`,
    );
    const applied = await runProgram(CLI, ["apply", "--file", documents, "--api-url", url]);
    expect(applied).toMatchObject({ code: 0, stderr: "" });
    const secured = ["--endpoint", "fresh", "--security", "psk", "--psk-key", KEY];
    const device = new Program(CLI, ["simulate", ...secured, "--bootstrap", `coaps://127.0.0.1:${bootstrapPort}`]);
    await standalone.prints(/fresh {13}bootstrap started 2\.04 PSK {2}server 101 coaps:\/\/127\.0\.0\.1:\d+ PSK\n/);
    await standalone.prints(/fresh {13}bootstrap written \/0\/1 2\.04\n/);
    await standalone.prints(/fresh {13}bootstrap finished 2\.04/);
    await standalone.prints(/fresh {13}registered {2}lifetime 300 s/);
    await standalone.prints(/fresh {13}attributes {2}manufacturer=Ferry/);
    await device.end("SIGINT");
    await standalone.prints(/fresh {13}deregistered/);
    expect((await standalone.end("SIGINT")).code).toBe(0);
  }, 60_000);
});

describe("standalone that cannot start says why in plain lines and exits with 2", () => {
  it("when the UDP port is in use", async () => {
    const socket = await openUdpSocket({ host: "::", port: 0, onDatagram: () => {}, onError: () => {} });
    const env = { ...PORTS, LWM2M_COAP_PORT: String(socket.port) };
    expect(await runProgram(MAIN, [], env)).toEqual({
      code: 2,
      stdout: "",
      stderr: `standalone: udp port ${socket.port} on :: is in use: stop the process that has it, or choose another port\n`,
    });
    await socket.close();
  });

  it("when the port of the HTTP API is in use", async () => {
    const first = new Program(MAIN, [], PORTS);
    const port = (await first.prints(/HTTP API at http:\/\/127\.0\.0\.1:(\d+)/))[1] ?? "";
    expect(await runProgram(MAIN, [], { ...PORTS, LWM2M_API_PORT: port })).toEqual({
      code: 2,
      stdout: "",
      stderr: `standalone: tcp port ${port} on 127.0.0.1 is in use: stop the process that has it, or choose another port\n`,
    });
    await first.end("SIGINT");
  });

  it("when a file that is to be applied is wrong: one line for each problem", async () => {
    const env = {
      ...PORTS,
      LWM2M_APPLY: file(
        "bad.yaml",
        "kind: profile\nname: p\nresources:\n  /3/0/9: { kye: battery }\n  /3/x: { key: b }\n---\nkind: device\nendpoint: a\n",
      ),
    };
    const { code, stdout, stderr } = await runProgram(MAIN, [], env);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    const lines = stderr.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^standalone: .*bad\.yaml:4: .*kye/);
    for (const line of lines) expect(line).toMatch(/^standalone: .*bad\.yaml:\d+: /);
    expect(lines.length).toBeGreaterThan(1);
  });

  it("when a file is not YAML, or is not there", async () => {
    const yaml = file("broken.yaml", "kind: [\n");
    expect((await runProgram(MAIN, [], { ...PORTS, LWM2M_APPLY: yaml })).stderr).toMatch(
      /^standalone: .*broken\.yaml:\d+: .*\n$/,
    );
    const missing = await runProgram(MAIN, [], { ...PORTS, LWM2M_APPLY: join(folder, "missing.yaml") });
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/^standalone: .*missing\.yaml.*\n$/);
  });

  it("when what is to be applied is refused: a device without its profile", async () => {
    const path = file("lone.yaml", "kind: device\nendpoint: a\nprofile: nothing\ncredentials: [{ noSec: true }]\n");
    const { code, stderr } = await runProgram(MAIN, [], { ...PORTS, LWM2M_APPLY: path });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^standalone: device a was rejected: profile .*nothing.*\n$/);
  });

  it("when an option or a setting is unknown", async () => {
    expect(await runProgram(MAIN, ["--verbose"], PORTS)).toEqual({
      code: 2,
      stdout: "",
      stderr: "standalone: Unknown option '--verbose': try --help\n",
    });
    const { code, stderr } = await runProgram(MAIN, [], { ...PORTS, LWM2M_COAP_PROT: "1" });
    expect(code).toBe(2);
    expect(stderr).toBe("standalone: LWM2M_COAP_PROT is not a setting: did you mean LWM2M_COAP_PORT?\n");
  });

  it("when the API would be open to the network", async () => {
    const { code, stderr } = await runProgram(MAIN, [], { ...PORTS, LWM2M_API_HOST: "0.0.0.0" });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^standalone: LWM2M_API_HOST: 0\.0\.0\.0 can be reached from the network: .*\n$/);
  });
});

describe("standalone --help", () => {
  it("lists every setting with its own defaults", async () => {
    const { code, stdout } = await runProgram(MAIN, ["--help"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^standalone \[--config FILE\] \[--help\]\n/);
    expect(stdout).toMatch(/LWM2M_DEMO_ENDPOINT .*\[demo\]/);
    expect(stdout).toMatch(/LWM2M_BUS .*\[memory\]/);
    expect(stdout).toMatch(/LOG_LEVEL .*\[warn\]/);
  });
});
