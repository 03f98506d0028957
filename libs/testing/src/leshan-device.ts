import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { MissingToolError } from "./errors.ts";

const JARS: string = `${import.meta.dirname}/../../../.ferry/leshan`;

export interface LeshanOptions {
  /** `coap://127.0.0.1:5685`, or `coaps://127.0.0.1:5686` with `psk`, `rpk` or `x509`. */
  readonly server: string;
  /** Fresh from the factory: `server` is where it has itself bootstrapped, with that credential, and it knows no other. */
  readonly bootstrap?: boolean;
  /** Content-Format that its Bootstrap-Request names in `pct`; none by default. */
  readonly preferredFormat?: number;
  /** Its answers to Bootstrap-Discover tell no short server ids of instances of the Server object. */
  readonly unnamedServers?: boolean;
  /** 1.1 by default; 1.0 with `bootstrap` only. */
  readonly lwm2m?: "1.0" | "1.1";
  /** Behind DTLS: a key in hex, its identity (the endpoint name by default), and the length of the Connection ID in records to the client, none where it is not given. */
  readonly psk?: { readonly key: string; readonly identity?: string; readonly cidBytes?: number };
  /** The same by a raw public key; files in PEM, the private key as PKCS #8. No other key of the server is believed. */
  readonly rpk?: LeshanKeyFiles & { readonly publicKey: string };
  /** The same by a certificate; that of the server is pinned. */
  readonly x509?: LeshanKeyFiles & { readonly certificate: string };
  /** Endpoint name; with `count`, the names are this followed by 0, 1, 2 … */
  readonly endpoint: string;
  readonly count?: number;
  readonly lifetimeS?: number;
  /** Which objects and values of `tests/interop/leshan` (`seed` and `black-box` are FS and FT of the RPC tests); `seed` by default. */
  readonly fixture?: "seed" | "black-box" | "every-type";
  /** Registers with `Q`: the server takes it for asleep between its messages. */
  readonly queueMode?: boolean;
  /** Sets the numbered resource to 1, 2, 3 … at this interval. */
  readonly notifyIntervalMs?: number;
  /** The numbered resource; `/3303/0/5700` by default. */
  readonly notifyPath?: string;
}

interface LeshanKeyFiles {
  readonly privateKey: string;
  /** The server's public key, or its certificate. */
  readonly serverKey: string;
  readonly cidBytes?: number;
}

/** JSON value of a resource: integers beyond 2^53 as text, OPAQUE as hex, TIME as RFC 3339 text, OBJLNK as `3:0`, instances as an object. */
export type LeshanValue = string | number | boolean | null | { readonly [id: string]: LeshanValue };

interface LeshanNotification {
  readonly endpoint: string;
  readonly path: string;
  readonly messageId: number;
  readonly confirmable: boolean;
  readonly value: LeshanValue;
}

/** What a Leshan device tells, in the order in which it happened. */
export type LeshanEvent =
  | {
      readonly event: "bootstrapping" | "bootstrapped" | "registering" | "updated" | "deregistered";
      readonly endpoint: string;
    }
  | { readonly event: "registered"; readonly endpoint: string; readonly registrationId: string }
  | {
      readonly event: "refused";
      readonly endpoint: string;
      readonly uplink: string;
      readonly code: number;
      readonly message: string;
    }
  | { readonly event: "unanswered"; readonly endpoint: string; readonly uplink: string }
  /** A request of the server arrived. Content-Formats are numbers, -1 where there is none; the payload is hex. */
  | {
      readonly event: "requested";
      readonly endpoint: string;
      readonly method: string;
      readonly path: string;
      readonly query: string;
      readonly accept: number;
      readonly contentFormat: number;
      readonly payload: string;
    }
  | {
      readonly event: "observed" | "observationCancelled";
      readonly endpoint: string;
      readonly path: string;
      readonly token: string;
    }
  | {
      readonly event: "written";
      readonly endpoint: string;
      readonly path: string;
      readonly mode: "replace" | "update";
      readonly value: LeshanValue;
    }
  | {
      readonly event: "executed";
      readonly endpoint: string;
      readonly path: string;
      readonly arguments: string;
      readonly count: number;
    }
  /** A notification left the device (that of a composite observation with the path `/` and values by path); `acknowledged` when the server's ACK to it arrived, `reset` when its RST did. */
  | ({ readonly event: "notified" | "acknowledged" | "reset" } & LeshanNotification)
  | { readonly event: "sent"; readonly endpoint: string; readonly paths: readonly string[]; readonly code: number }
  | { readonly event: "sendFailed" | "error"; readonly endpoint: string; readonly message: string };

/** A command to one endpoint, or to all where none is named. */
export type LeshanCommand = { readonly endpoint?: string } & (
  | { readonly command: "set"; readonly path: string; readonly value: LeshanValue }
  | { readonly command: "update" | "deregister" | "register" | "reboot" }
  /** What the next Register lists in `ct`, as numbers. */
  | { readonly command: "announce"; readonly contentFormats: readonly number[] }
  /** LwM2M Send; `format` is a Content-Format number, SenML CBOR by default. */
  | { readonly command: "send"; readonly paths: readonly string[]; readonly format?: number }
  /** Keeps values with the time, for one `sendCollected`, of which Leshan tells no answer. */
  | { readonly command: "collect"; readonly paths: readonly string[] }
  | { readonly command: "sendCollected"; readonly format?: number }
  /** Numbers the notified resource at this interval; 0 stops. */
  | { readonly command: "number"; readonly intervalMs: number }
);

type EventName = LeshanEvent["event"];

/** The events of that name. */
export type LeshanEventOf<Name extends EventName> = LeshanEvent & { readonly event: Name };

/** LwM2M clients of Eclipse Leshan in a process of their own. */
export interface LeshanDevice {
  /** Everything that happened so far. */
  readonly events: readonly LeshanEvent[];
  /** Resolves when the command was carried out (not when its effect was answered). @throws {LeshanError} it was refused */
  send(command: LeshanCommand): Promise<void>;
  /** The first such event, past or to come. @throws {LeshanError} it does not come within `timeoutMs` (15 s by default), or the process ends */
  waitFor<Name extends EventName>(
    name: Name,
    matches?: (event: LeshanEventOf<Name>) => boolean,
    timeoutMs?: number,
  ): Promise<LeshanEventOf<Name>>;
  /** Resolves when all that happened before is among `events`: an answer of the device that came another way, as over Kafka, may be there earlier. */
  settle(): Promise<void>;
  /** Ends the process; with no deregistration, as if the power failed. */
  stop(): Promise<void>;
}

/** A Leshan device refused a command, ended too early, or something expected of it did not happen. */
export class LeshanError extends Error {
  override readonly name = "LeshanError";
  readonly code = "LESHAN";
}

interface Waiter {
  offer(event: LeshanEvent): void;
  fail(error: LeshanError): void;
}

/**
 * Starts Leshan clients and waits until the process takes commands; registration goes on meanwhile.
 *
 * @throws {MissingToolError} the jars are not there
 */
export async function startLeshan(options: LeshanOptions): Promise<LeshanDevice> {
  if (!existsSync(`${JARS}/.built`)) throw new MissingToolError("Leshan's client", "npm run setup:test");
  const child = spawn(
    "java",
    [
      "-Xmx512m",
      // It lives for seconds: the quick compiler starts it in half the time.
      "-XX:TieredStopAtLevel=1",
      "-XX:+UseSerialGC",
      "-cp",
      `${JARS}/leshan-device-1.jar:${JARS}/lib/*`,
      "ferry.interop.LeshanDevice",
      ...toArguments(options),
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  const events: LeshanEvent[] = [];
  const waiters = new Set<Waiter>();
  const replies = new Map<number, { resolve(): void; reject(error: LeshanError): void }>();
  let lastId = 0;
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4096);
  });

  await new Promise<void>((resolve, reject) => {
    child.once("error", (cause) => reject(new LeshanError(`java does not start: ${cause.message}`)));
    child.once("exit", (code) => {
      const error = new LeshanError(`the Leshan device ended (${code}): ${stderr.trim()}`);
      reject(error);
      for (const waiter of [...waiters, ...replies.values()])
        "fail" in waiter ? waiter.fail(error) : waiter.reject(error);
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      const event = JSON.parse(line) as
        | LeshanEvent
        | { event: "ready" }
        | { event: "done"; id: number; error?: string };
      if (event.event === "ready") return resolve();
      if (event.event === "done") {
        const reply = replies.get(event.id);
        replies.delete(event.id);
        return event.error === undefined ? reply?.resolve() : reply?.reject(new LeshanError(event.error));
      }
      events.push(event);
      for (const waiter of waiters) waiter.offer(event);
    });
  });

  const send = (command: LeshanCommand | { readonly command: "none" }): Promise<void> => {
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      replies.set(id, { resolve, reject });
      child.stdin.write(`${JSON.stringify({ id, ...command })}\n`);
    });
  };

  return {
    events,
    send,
    // There is no such command. That it is refused is told behind all else.
    settle: () => send({ command: "none" }).catch(() => undefined),
    waitFor(name, matches = () => true, timeoutMs = 15_000) {
      type Wanted = LeshanEventOf<typeof name>;
      const isWanted = (event: LeshanEvent): event is Wanted => event.event === name && matches(event as Wanted);
      const past = events.find(isWanted);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve, reject) => {
        const end = (): void => {
          clearTimeout(timer);
          waiters.delete(waiter);
        };
        const waiter: Waiter = {
          offer(event) {
            if (!isWanted(event)) return;
            end();
            resolve(event);
          },
          fail(error) {
            end();
            reject(error);
          },
        };
        const timer = setTimeout(() => {
          const seen = events.slice(-5).map((event) => JSON.stringify(event));
          waiter.fail(new LeshanError(`no "${name}" within ${timeoutMs} ms; last events: ${seen.join(" ") || "none"}`));
        }, timeoutMs);
        waiters.add(waiter);
      });
    },
    stop: () => end(child),
  };
}

function toArguments(options: LeshanOptions): string[] {
  const named: Record<string, string | number | undefined> = {
    server: options.server,
    bootstrap: options.bootstrap === undefined ? undefined : String(options.bootstrap),
    "preferred-format": options.preferredFormat,
    "unnamed-servers": options.unnamedServers === undefined ? undefined : String(options.unnamedServers),
    lwm2m: options.lwm2m,
    "psk-key": options.psk?.key,
    "psk-identity": options.psk?.identity,
    "public-key": options.rpk?.publicKey,
    certificate: options.x509?.certificate,
    "private-key": (options.rpk ?? options.x509)?.privateKey,
    "server-key": (options.rpk ?? options.x509)?.serverKey,
    "cid-bytes": (options.psk ?? options.rpk ?? options.x509)?.cidBytes,
    endpoint: options.endpoint,
    count: options.count,
    lifetime: options.lifetimeS,
    fixture: options.fixture,
    "queue-mode": options.queueMode === undefined ? undefined : String(options.queueMode),
    "notify-interval": options.notifyIntervalMs,
    "notify-path": options.notifyPath,
  };
  return Object.entries(named).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, String(value)]));
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
}
