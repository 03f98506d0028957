import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { METHODS } from "@ferry/rpc";
import { endPrograms, freePort, Program, runProgram } from "@ferry/testing";
import { afterAll, afterEach, describe, expect, it } from "@jest/globals";
import { runCli } from "./cli.ts";

const MAIN = "tools/ferry/src/main.ts";
const READ = 'Read {"id":"/3/0/9"}';

const folder = mkdtempSync(join(tmpdir(), "ferry-cli-"));
afterEach(endPrograms);
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the command line in this process. */
async function ferry(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ["", ""];
  const code = await runCli(args, {
    env: {},
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
  });
  return { code, stdout, stderr };
}

const COMMANDS = [
  "rpc",
  "desire",
  "tail",
  "devices",
  "bootstrap",
  "apply",
  "diff",
  "get",
  "delete",
  "simulate",
  "dev",
  "keys",
];

describe("help", () => {
  it("lists every command and the exit codes", async () => {
    const { code, stdout } = await ferry("--help");
    expect(code).toBe(0);
    for (const command of COMMANDS) {
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
    }
    expect(stdout).toContain("Exit codes: 0 done; 1 the device, or Ferry, refused; 2 wrong use; 3 nobody answered.");
  });

  it.each(COMMANDS)("of %s names its options", async (command) => {
    const { code, stdout } = await ferry(command, "--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: ferry ${command} \\[options\\]`));
  });
});

describe("help of rpc", () => {
  it("has an example of every method", async () => {
    const { stdout } = await ferry("rpc", "--help");
    for (const { name, example } of METHODS) expect(stdout).toContain(`\n  ${name} ${example}`.trimEnd());
  });
});

describe("wrong use exits with 2 and says what is wrong", () => {
  it.each<[string, string[], RegExp]>([
    ["no command", [], /^Usage: ferry/],
    ["a command that there is not", ["rcp", "demo", READ], /^error: unknown command 'rcp'\n\(Did you mean rpc\?\)/],
    ["an option that there is not", ["devices", "--jsn"], /^error: unknown option '--jsn'\n\(Did you mean --json\?\)/],
    ["a missing argument", ["rpc", "demo"], /^error: missing required argument 'request'/],
    [
      "neither a value to desire nor --withdraw",
      ["desire", "demo", "utcOffset"],
      /^ferry: give either a value or --withdraw/,
    ],
    ["both", ["desire", "demo", "utcOffset", "+02", "--withdraw"], /^ferry: give either a value or --withdraw/],
    [
      "a value that begins as JSON and is none",
      ["desire", "demo", "limits", "{0:1}"],
      /^ferry: the value begins with \{ and is no JSON: /,
    ],
    [
      "text that begins as a JSON string",
      ["desire", "demo", "note", '"a" b'],
      /^ferry: the value begins with " and is/,
    ],
    [
      "a URL without its scheme",
      ["devices", "--api-url", "localhost:8080"],
      /^ferry: --api-url localhost:8080 is no URL: it begins with http:\/\//,
    ],
    [
      "a bootstrap server that is none",
      ["simulate", "--bootstrap", "127.0.0.1:5687"],
      /Give a coap:\/\/ or coaps:\/\/ URI/,
    ],
    [
      "a bootstrap server and another one",
      ["simulate", "--bootstrap", "coap://127.0.0.1", "--server", "127.0.0.1:5685"],
      /give one of --server and --bootstrap/,
    ],
    ["an empty request", ["rpc", "demo", " "], /^ferry: the request is empty: give a method, such as 'Read/],
    ["a time that is none", ["rpc", "demo", READ, "--timeout", "soon"], /whole milliseconds from 1 to 3600000/],
    [
      "an instance that is none",
      ["bootstrap", "trigger", "demo", "--instance", "65535"],
      /Give the id of an instance, 0 to 65534/,
    ],
    ["too many retries", ["rpc", "demo", READ, "--retries", "6"], /Give a whole number from 0 to 5/],
    ["a stream that there is not", ["tail", "everything"], /Allowed choices are telemetry, attributes, lifecycle/],
    ["no file", ["apply"], /^error: required option '-f, --file <paths...>' not specified/],
    ["a file that is not there", ["apply", "-f", "missing.yaml"], /^ferry: missing\.yaml: does not exist\n$/],
    ["a token file that is not there", ["devices", "--token-file", "x"], /^ferry: --token-file x cannot be read: /],
    ["a count out of range", ["simulate", "-n", "0"], /Give a whole number from 1 to 50000/],
    ["a server without port", ["simulate", "--server", "host"], /Give host:port, such as 127\.0\.0\.1:5685/],
    ["a port that is none", ["dev", "--api-port", "http"], /Give a port, 1 to 65534/],
  ])("%s", async (_, args, message) => {
    const { code, stdout, stderr } = await ferry(...args);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toMatch(message);
  });

  it("a file with mistakes: a line for each, with file, line and member", async () => {
    const path = join(folder, "bad.yaml");
    writeFileSync(path, "kind: profile\nname: p\nresources:\n  /3/0/9: { kye: b }\n  /3/x: { key: b }\n");
    const { code, stderr } = await ferry("apply", "-f", path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ferry: .*bad\.yaml:4: resources\["\/3\/0\/9"\]\.kye: there is no such member/);
  });
});

describe("where nobody answers", () => {
  it.each([
    ["rpc", "demo", READ],
    ["devices"],
    ["bootstrap", "trigger", "demo", "--wait"],
    ["get"],
    ["tail", "telemetry"],
    ["apply", "-f", "examples/quickstart"],
  ])("%s exits with 3 at once, through the HTTP API and through Kafka", async (...args) => {
    const port = await freePort();
    expect(await runProgram(MAIN, [...args, "--api-url", `http://127.0.0.1:${port}`])).toEqual({
      code: 3,
      stdout: "",
      stderr: `ferry: cannot reach http://127.0.0.1:${port}: is Ferry running there? (npm start, or --api-url)\n`,
    });
    const kafka = await runProgram(MAIN, [...args, "--bootstrap-servers", `127.0.0.1:${port}`]);
    expect(kafka.code).toBe(3);
    expect(kafka.stderr).toMatch(new RegExp(`^ferry: Kafka at 127\\.0\\.0\\.1:${port}: .*ECONNREFUSED.*\\n$`));
  });
});

describe("as a process", () => {
  it("ends quietly when whoever reads its output has enough", async () => {
    const program = new Program(MAIN, ["simulate", "--server", `127.0.0.1:${await freePort()}`]);
    await program.prints(/0 of 1 registered/);
    program.closeStdout();
    expect(await program.ended).toMatchObject({ code: 0, stderr: "" });
  });

  it("simulates devices until Ctrl-C, and says what became of them", async () => {
    const program = new Program(MAIN, ["simulate", "-n", "2", "--server", `127.0.0.1:${await freePort()}`]);
    await program.prints(/0 of 2 registered/);
    expect((await program.end("SIGINT")).code).toBe(0);
  });

  it("has a version", async () => {
    expect(await runProgram(MAIN, ["--version"])).toEqual({ code: 0, stdout: "0.1.0\n", stderr: "" });
  });
});

describe("a diff with sealing keys", () => {
  it("says over HTTP that sealed secrets cannot be compared there", async () => {
    const keys = join(folder, "keys");
    writeFileSync(keys, Buffer.alloc(32, 1).toString("base64"));
    const path = join(folder, "profile.yaml");
    writeFileSync(path, "kind: profile\nname: meter\nresources: {}\n");
    const args = ["diff", "-f", path, "--api-url", `http://127.0.0.1:${await freePort()}`];
    const note = "sealed secrets cannot be compared over the HTTP API";
    expect((await runProgram(MAIN, [...args, "--sealing-key-file", keys])).stderr).toContain(note);
    expect((await runProgram(MAIN, args)).stderr).not.toContain(note);
  });
});
