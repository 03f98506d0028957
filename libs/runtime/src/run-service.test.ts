import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { describe, expect, it } from "@jest/globals";
import { openUdpSocket } from "./udp-driver.ts";

const SERVICE = join(import.meta.dirname, "fixtures/service.ts");

interface Ended {
  readonly code: number | null;
  readonly messages: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the sample service; `onMessage` may send it signals. */
async function run(
  env: Record<string, string>,
  {
    args = [],
    onMessage = () => {},
  }: { args?: string[]; onMessage?: (message: string, kill: (signal: NodeJS.Signals) => void) => void } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [SERVICE, ...args], {
    env: { PATH: process.env.PATH, LWM2M_HTTP_PORT: "0", LWM2M_HTTP_HOST: "127.0.0.1", ...env },
  });
  const [stdout, stderr, messages]: [string[], string[], string[]] = [[], [], []];
  createInterface(child.stdout).on("line", (line) => {
    stdout.push(line);
    if (!line.startsWith("{")) return;
    const { msg } = JSON.parse(line) as { msg: string };
    messages.push(msg);
    onMessage(msg, (signal) => void child.kill(signal));
  });
  createInterface(child.stderr).on("line", (line) => stderr.push(line));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, messages, stdout: stdout.join("\n"), stderr: stderr.join("\n") };
}

describe("a service", () => {
  it("starts, drains on SIGTERM and exits with 0", async () => {
    const ended = await run({}, { onMessage: (message, kill) => message === "started" && kill("SIGTERM") });
    expect(ended).toMatchObject({ code: 0, stderr: "", messages: ["starting", "started", "stopping", "stopped"] });
  });

  it("exits at once on a second signal", async () => {
    const ended = await run(
      { LWM2M_BEHAVIOUR: "hang" },
      { onMessage: (message, kill) => (message === "started" || message === "stopping") && kill("SIGINT") },
    );
    expect(ended).toMatchObject({ code: 1, messages: ["starting", "started", "stopping"] });
  });

  it("exits with 1 when it does not stop in time", async () => {
    const ended = await run(
      { LWM2M_BEHAVIOUR: "hang", LWM2M_NODE_SHUTDOWN: "50ms" },
      { onMessage: (message, kill) => message === "started" && kill("SIGTERM") },
    );
    expect(ended.code).toBe(1);
    expect(ended.messages).toContain("shutdown did not end in time");
  });

  it("exits with 2 and one plain line for wrong configuration", async () => {
    const ended = await run({ LWM2M_BEHAVIOUR: "dance" });
    expect(ended).toMatchObject({
      code: 2,
      stdout: "",
      stderr: 'sample: LWM2M_BEHAVIOUR: "dance" is not valid: give one of run, crash, hang',
    });
  });

  it("exits with 2 and one plain line for an unknown option", async () => {
    const ended = await run({}, { args: ["--colour"] });
    expect(ended).toMatchObject({ code: 2, stderr: "sample: Unknown option '--colour': try --help" });
  });

  it("exits with 2 and one plain line for a port in use", async () => {
    const socket = await openUdpSocket({ host: "127.0.0.1", port: 0, onDatagram: () => {}, onError: () => {} });
    const ended = await run({ UDP_PORT: String(socket.port) });
    await socket.close();
    expect(ended.code).toBe(2);
    expect(ended.stderr).toBe(
      `sample: udp port ${socket.port} on 127.0.0.1 is in use: stop the process that has it, or choose another port`,
    );
  });

  it("exits with 1 and logs the error when it crashes", async () => {
    const ended = await run({ LWM2M_BEHAVIOUR: "crash" });
    expect(ended).toMatchObject({ code: 1, messages: ["starting", "crashed"] });
    expect(ended.stdout).toContain("our own bug");
  });

  it("explains its settings with --help", async () => {
    const ended = await run({}, { args: ["--help"] });
    expect(ended).toMatchObject({ code: 0, stderr: "" });
    expect(ended.stdout).toContain("LWM2M_HTTP_PORT");
  });
});
