import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { Cluster, Redis, type RedisOptions } from "ioredis";
import { StateUnavailableError } from "../errors.ts";
import { CommandDeadlines } from "./command-deadlines.ts";

/** How to reach Redis (7.0 or later): one server, the server that Sentinels watch, or a cluster. */
export interface RedisSettings {
  /** `redis://` or, with TLS, `rediss://`, user:password@host:port/database. Not looked at with Sentinels or a cluster. */
  readonly url: string;
  /** Sentinels, `host:port` each. */
  readonly sentinels?: readonly string[];
  /** Name of the master that they watch. */
  readonly sentinelMaster?: string;
  /** Some nodes of a cluster, `host:port` each; the others are found through them. */
  readonly clusterNodes?: readonly string[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** TLS to the Sentinels' master or the cluster. */
  readonly tls?: boolean;
  /** PEM file of the certificates that are trusted; the system's when not set. */
  readonly tlsCaLocation?: string | undefined;
  /** PEM files of our certificate and key, where Redis asks for them. */
  readonly tlsCertificateLocation?: string | undefined;
  readonly tlsKeyLocation?: string | undefined;
  /** How long a step may take before it fails with `StateUnavailableError`, ms. */
  readonly commandTimeoutMs?: number;
}

/** Told when Redis goes and comes back: once per episode, not per command. */
export interface RedisConnectionEvents {
  readonly onUnavailable?: (error: StateUnavailableError) => void;
  readonly onAvailable?: () => void;
}

const COMMAND_TIMEOUT_MS = 1_000;
const RETRY_MAX_MS = 500;
/** How long a closed connection may keep the process. */
const DISCONNECT_TIMEOUT_MS = 200;

/**
 * A connection for steps on a device's path: what does not work soon fails, and connecting goes on for ever.
 * It connects by itself, at once and after every loss.
 */
export class RedisConnection {
  readonly client: Redis | Cluster;
  /** For commands that come without a timer of their own. */
  readonly deadlines: CommandDeadlines;
  readonly #commandTimeoutMs: number;
  #problem: string | undefined = "Redis is not connected yet";
  #ready: Promise<void> | undefined;
  #gathering = false;

  constructor(settings: RedisSettings, events: RedisConnectionEvents = {}) {
    this.#commandTimeoutMs = settings.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
    this.deadlines = new CommandDeadlines(this.#commandTimeoutMs);
    this.client = makeClient(settings, this.#commandTimeoutMs);
    let available = true; // Until the first failure.
    let lastError: Error | undefined;
    this.client.on("error", (error: Error) => {
      lastError = error;
    });
    this.client.on("ready", () => {
      this.#problem = undefined;
      if (!available) events.onAvailable?.();
      available = true;
    });
    this.client.on("reconnecting", () => {
      const error = new StateUnavailableError(`Redis cannot be reached: ${lastError?.message ?? "it hung up"}`, {
        cause: lastError,
      });
      this.#problem = error.message;
      if (available) events.onUnavailable?.(error);
      available = false;
    });
  }

  /**
   * Does a step; `again` where Redis did not know its script, and so did nothing.
   *
   * @throws {StateUnavailableError} Redis did not do it in time; whether it did it later is unknown
   */
  async run<Reply>(
    step: (client: Redis | Cluster, again: boolean) => Promise<Reply>,
    again: boolean = false,
  ): Promise<Reply> {
    try {
      if (this.client instanceof Cluster && this.client.status !== "ready") await this.#becomesReady();
      this.#gatherWrites();
      return await step(this.client, again);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (!again && error.message.startsWith("NOSCRIPT ")) return this.run(step, true);
      if (isOurFault(error)) throw error;
      // What is wrong with the connection says more than what a command came to because of it.
      throw new StateUnavailableError(this.#problem ?? `Redis did not do it: ${error.message}`, { cause: error });
    }
  }

  /** What is wrong with the connection; undefined when nothing is. */
  problem(): string | undefined {
    return this.#problem;
  }

  async close(): Promise<void> {
    this.client.disconnect();
  }

  /** Lets all commands of one turn of the event loop leave in one write per connection: a write costs more than a command. */
  #gatherWrites(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    const clients = this.client instanceof Cluster ? this.client.nodes("master") : [this.client];
    // A client that is not connected yet has no stream.
    const streams = clients.map((client) => (client as { stream?: Socket }).stream);
    for (const stream of streams) stream?.cork();
    setImmediate(() => {
      this.#gathering = false;
      for (const stream of streams) stream?.uncork();
    });
  }

  /** A cluster's client would queue steps for as long as the cluster is away: wait no longer than a step may take. */
  #becomesReady(): Promise<void> {
    this.#ready ??= new Promise<void>((resolve, reject) => {
      const ready = (): void => {
        clearTimeout(timer);
        this.#ready = undefined;
        resolve();
      };
      const timer = setTimeout(() => {
        this.client.off("ready", ready);
        this.#ready = undefined;
        reject(new StateUnavailableError(this.#problem));
      }, this.#commandTimeoutMs);
      this.client.once("ready", ready);
    });
    return this.#ready;
  }
}

/** A mistake in our program, or Redis' own words for a command that can never work; LOADING, CLUSTERDOWN, READONLY, OOM, MISCONF and the like pass. */
function isOurFault({ name, message }: Error): boolean {
  return MISTAKES.has(name) || (name === "ReplyError" && /^(ERR|WRONGTYPE|CROSSSLOT|NOSCRIPT) /.test(message));
}

/** By name, for an error may come from another realm of JavaScript. */
const MISTAKES: ReadonlySet<string> = new Set([
  "TypeError",
  "RangeError",
  "ReferenceError",
  "URIError",
  "AssertionError",
]);

function makeClient(settings: RedisSettings, commandTimeout: number): Redis | Cluster {
  const { url, sentinels = [], sentinelMaster = "mymaster", clusterNodes = [], username, password } = settings;
  const retryStrategy = (attempt: number): number => Math.min(attempt * 50, RETRY_MAX_MS);
  const tls = tlsOptions(settings);
  const options = {
    maxRetriesPerRequest: 1,
    commandTimeout,
    connectTimeout: COMMAND_TIMEOUT_MS,
    disconnectTimeout: DISCONNECT_TIMEOUT_MS,
    // A master that became a replica refuses writes: connect anew, and send the command again.
    reconnectOnError: (error: Error) => (error.message.startsWith("READONLY") ? (2 as const) : false),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls === undefined ? {} : { tls }),
  } satisfies RedisOptions;
  if (sentinels.length > 0) {
    return new Redis({
      ...options,
      retryStrategy,
      sentinels: sentinels.map(parseHostPort),
      sentinelRetryStrategy: retryStrategy,
      name: sentinelMaster,
    });
  }
  if (clusterNodes.length > 0) {
    return new Cluster(clusterNodes.map(parseHostPort), {
      redisOptions: options,
      enableOfflineQueue: false,
      clusterRetryStrategy: retryStrategy,
      // Certificates name hosts: an address must not be put in their place.
      ...(tls === undefined ? {} : { dnsLookup: (address, done) => done(null, address) }),
      maxRedirections: 4,
      slotsRefreshTimeout: COMMAND_TIMEOUT_MS,
    });
  }
  return new Redis(url, { ...options, retryStrategy });
}

function tlsOptions(settings: RedisSettings): { ca?: Buffer; cert?: Buffer; key?: Buffer } | undefined {
  if (!settings.tls && !settings.url.startsWith("rediss:")) return undefined;
  const { tlsCaLocation, tlsCertificateLocation, tlsKeyLocation } = settings;
  return {
    ...(tlsCaLocation === undefined ? {} : { ca: readFileSync(tlsCaLocation) }),
    ...(tlsCertificateLocation === undefined ? {} : { cert: readFileSync(tlsCertificateLocation) }),
    ...(tlsKeyLocation === undefined ? {} : { key: readFileSync(tlsKeyLocation) }),
  };
}

function parseHostPort(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[(.*)\]$/, "$1"), port: Number(text.slice(colon + 1)) };
}
