import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MissingToolError, ProcessStartError } from "./errors.ts";
import { freePort } from "./free-port.ts";

/** A redis-server of our own, on 127.0.0.1, with its data in a temporary directory. */
export interface RedisProcess {
  readonly host: string;
  readonly port: number;
  /** `redis://127.0.0.1:<port>`. */
  readonly url: string;
  /** Ends it as a crash does; what it had not written is lost. */
  kill9(): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 10_000;

/**
 * Starts Redis on a free port; resolves when it answers.
 *
 * `options` are lines of redis.conf as arguments, such as `["--appendonly", "yes"]`.
 * @throws {MissingToolError} there is no redis-server
 */
export async function startRedis(options: readonly string[] = []): Promise<RedisProcess> {
  if (spawnSync("redis-server", ["--version"]).error !== undefined) {
    throw new MissingToolError("redis-server", "`npm run setup:test` installs it");
  }
  const host = "127.0.0.1";
  const port = await freePort();
  const directory = await mkdtemp(join(tmpdir(), "ferry-redis-"));
  const start = async (): Promise<ChildProcess> => {
    const args = ["--bind", host, "--port", String(port), "--dir", directory, "--save", "", ...options];
    const child = spawn("redis-server", args, { stdio: "ignore" });
    await answers(host, port, child);
    return child;
  };
  let child = await start();
  // A test that forgets to stop it must not leave it behind.
  const onExit = (): void => {
    child.kill("SIGKILL");
  };
  process.on("exit", onExit);
  return {
    host,
    port,
    url: `redis://${host}:${port}`,
    kill9: () => end(child),
    restart: async () => {
      await end(child);
      child = await start();
    },
    stop: async () => {
      process.off("exit", onExit);
      await end(child);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}

async function answers(host: string, port: number, child: ChildProcess): Promise<void> {
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadlineMs && child.exitCode === null) {
    if (await pings(host, port)) return;
    await sleep(20);
  }
  child.kill("SIGKILL");
  throw new ProcessStartError(`redis-server on port ${port} does not answer`);
}

/** Whether Redis answers PING: it accepts connections before it has loaded its data. */
function pings(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const done = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.once("data", (bytes) => done(bytes.toString().startsWith("+PONG")));
    socket.once("error", () => done(false));
    socket.setTimeout(1_000, () => done(false));
  });
}
