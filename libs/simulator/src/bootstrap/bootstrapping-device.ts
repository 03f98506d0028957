import { isIP } from "node:net";
import type { Machine, PeerKey } from "@ferry/coap";
import type { LwM2mVersion } from "@ferry/lwm2m";
import { formatPeerKey } from "@ferry/runtime";
import { SimulatedDevice, type SimulatedDeviceSettings } from "../device.ts";
import type { DeviceInput, DeviceOutput } from "../device-io.ts";
import { earliest } from "../earliest.ts";
import { RequestRefusedError } from "../errors.ts";
import { VERSION_ABILITIES } from "../lwm2m-versions.ts";
import { ObjectTree, type SimulatedObject } from "../object-tree.ts";
import { coreObject } from "../objects/core-object.ts";
import { type FactoryAccount, securityObject } from "../objects/security.ts";
import { standardObjects } from "../objects/standard-objects.ts";
import { type DeviceSecurity, SecuredDevice } from "../secured-device.ts";
import { ACCESS_CONTROL_OBJECT, SECURITY, SERVER } from "./account-resources.ts";
import { bootstrapAccount, type SecurityAccount, type ServerAccount, serverAccounts } from "./accounts.ts";
import { BootstrapClient } from "./bootstrap-client.ts";

/** What a bootstrap server decides is not set here. */
export interface BootstrappingDeviceSettings
  extends Omit<SimulatedDeviceSettings, "server" | "lifetimeS" | "bindingMode" | "tree" | "serverInstanceId"> {
  /** The one server that it knows at first. */
  readonly account: FactoryAccount;
  /** Of all DTLS associations, whoever they are with. */
  readonly security?: Omit<DeviceSecurity, "credential" | "serverName">;
  /** Asks for a Bootstrap-Pack, which LwM2M 1.2 has, before it lets itself be bootstrapped step by step; false by default. */
  readonly pack?: boolean;
  /** After how long without a request of the bootstrap server it asks again, ms; 247 000 by default. */
  readonly bootstrapTimeoutMs?: number;
  /** Ms since 1970, for the validity of certificates. */
  readonly wallMs: () => number;
}

/** A server and, once its address is known, what speaks with it. */
interface Connection {
  readonly account: SecurityAccount;
  /** Makes what speaks with it. */
  readonly open: (server: PeerKey) => Machine<DeviceInput, DeviceOutput>;
  peer?: PeerKey;
  machine?: Machine<DeviceInput, DeviceOutput>;
  /** When its name, which had no address, is asked for again. */
  retryMs?: number | undefined;
}

/** A connection with a server to register with. */
interface ServerConnection extends Connection {
  readonly account: ServerAccount;
  /** Undefined until its address is known. */
  device?: SimulatedDevice;
}

/** Versions of the Security, Server and Access Control objects that came with each version of LwM2M. */
const OBJECT_VERSIONS: Readonly<Record<LwM2mVersion, readonly [string, string, string]>> = {
  "1.0": ["1.0", "1.0", "1.0"],
  "1.1": ["1.1", "1.1", "1.0"],
  "1.2": ["1.2", "1.2", "1.1"],
};

/** Default lifetime of an object that no bootstrap server wrote; none is left. */
const NO_LIFETIME_S = 0;
/** A name without an address is asked for again after this, ms. */
const RESOLVE_AGAIN_MS = 10_000;

/**
 * A device as it comes from the factory: it knows one bootstrap server, has itself bootstrapped by it, then registers with the servers that it got, each by
 * the address, security, lifetime and binding that was written; again when Bootstrap-Request Trigger (/1/x/9) is executed.
 *
 * A protocol core, as a {@link SimulatedDevice} is, which in it speaks with each server. Signals begin once the first server has its registration.
 */
export class BootstrappingDevice implements Machine<DeviceInput, DeviceOutput> {
  readonly endpoint: string;
  readonly #settings: BootstrappingDeviceSettings;
  readonly #version: LwM2mVersion;
  readonly #tree: ObjectTree;
  /** As the factory or, since, a finished bootstrap left it; what is being written counts once that bootstrap is finished. */
  #account: SecurityAccount | undefined;
  #client: BootstrapClient | undefined;
  #bootstrap: Connection | undefined;
  #servers: readonly ServerConnection[] = [];
  /** Those that are asked to deregister before the device is bootstrapped anew. */
  readonly #leaving = new Set<ServerConnection>();
  /** When Client Hold Off Time is over (OMA LwM2M Core 1.1.1 appendix E.1). */
  #holdOffUntilMs: number | undefined;
  /** When the account of the bootstrap server ends. */
  #purgeMs: number | undefined;

  constructor(settings: BootstrappingDeviceSettings) {
    this.endpoint = settings.endpoint;
    this.#settings = settings;
    this.#version = settings.lwm2mVersion ?? "1.1";
    this.#tree = new ObjectTree(factoryObjects(this.#version, settings));
    this.#account = bootstrapAccount(this.#tree);
  }

  /** Whether every server that it was given took its registration. */
  get registered(): boolean {
    return this.#servers.length > 0 && this.#servers.every(({ device }) => device?.registered === true);
  }

  handle(input: DeviceInput, nowMs: number): DeviceOutput[] {
    const out: DeviceOutput[] = [];
    const revision = this.#tree.revision;
    switch (input.type) {
      case "datagram":
        this.#deliver(input, nowMs, out);
        break;
      case "resolved":
        this.#settleName(input.host, input.address, nowMs, out);
        break;
      case "register":
        if (this.#servers.length === 0) this.#begin(nowMs, out);
        else this.#tell(this.#servers, input, nowMs, out);
        break;
      case "bootstrap":
        this.#leaveServers(nowMs, out);
        break;
      case "deregister":
        this.#endBootstrap();
        this.#tell(this.#servers, input, nowMs, out);
        break;
      case "set":
        // The others are told of the change below.
        if (this.#servers.length === 0) this.#tree.set(input.path, input.value);
        this.#tell(this.#servers.slice(0, 1), input, nowMs, out);
        break;
      case "update":
      case "report":
      case "changed":
        this.#tell(this.#servers, input, nowMs, out);
        break;
    }
    this.#spreadChanges(revision, nowMs, out);
    return out;
  }

  tick(nowMs: number): DeviceOutput[] {
    const out: DeviceOutput[] = [];
    const revision = this.#tree.revision;
    for (const connection of this.#connections()) {
      if (connection.machine !== undefined) this.#follow(connection, connection.machine.tick(nowMs), nowMs, out);
      if (connection.retryMs === undefined || connection.retryMs > nowMs) continue;
      connection.retryMs = undefined;
      this.#connect(connection, nowMs, out);
    }
    if (this.#purgeMs !== undefined && this.#purgeMs <= nowMs) this.#purge();
    if (this.#holdOffUntilMs !== undefined && this.#holdOffUntilMs <= nowMs) this.#ask(nowMs, out);
    this.#spreadChanges(revision, nowMs, out);
    return out;
  }

  get deadlineMs(): number | undefined {
    return earliest([
      this.#holdOffUntilMs,
      this.#purgeMs,
      ...this.#connections().flatMap(({ machine, retryMs }) => [machine?.deadlineMs, retryMs]),
    ]);
  }

  /** One server may be both: who is being bootstrapped hears it as the bootstrap server. */
  #connections(): readonly Connection[] {
    if (this.#bootstrap === undefined) return this.#servers;
    return this.#client?.finished ? [...this.#servers, this.#bootstrap] : [this.#bootstrap, ...this.#servers];
  }

  /** Who is no server of the device is answered as a bootstrap server that is none, or not at all. */
  #deliver(input: DeviceInput & { readonly type: "datagram" }, nowMs: number, out: DeviceOutput[]): void {
    const from = this.#connections().find(({ peer }) => peer === input.peer) ?? this.#bootstrap;
    if (from?.machine !== undefined) this.#follow(from, from.machine.handle(input, nowMs), nowMs, out);
  }

  #tell(connections: readonly Connection[], input: DeviceInput, nowMs: number, out: DeviceOutput[]): void {
    for (const connection of connections) {
      if (connection.machine !== undefined)
        this.#follow(connection, connection.machine.handle(input, nowMs), nowMs, out);
    }
  }

  /** What one server or signal changed, the observers of the other servers are to know; one server is told by its own device. */
  #spreadChanges(revision: number, nowMs: number, out: DeviceOutput[]): void {
    if (this.#servers.length > 1 && this.#tree.revision !== revision) {
      this.#tell(this.#servers, { type: "changed" }, nowMs, out);
    }
  }

  /** Gives on what a connection gives back, and does what follows from it. */
  #follow(connection: Connection, outputs: readonly DeviceOutput[], nowMs: number, out: DeviceOutput[]): void {
    for (const output of outputs) {
      out.push(output);
      switch (output.type) {
        case "bootstrapped":
          this.#finish(nowMs, out);
          break;
        case "bootstrapLeft":
          this.#endBootstrap();
          break;
        case "executed":
          if (output.path[0] === SERVER.object && output.path[2] === SERVER.bootstrapTrigger) {
            this.#leaveServers(nowMs, out);
          }
          break;
        case "refused":
          if (output.uplink === "bootstrap") this.#goOn(nowMs, out);
          this.#left(connection, nowMs, out);
          break;
        case "deregistered":
        case "unanswered":
          this.#left(connection, nowMs, out);
          break;
        default:
          break;
      }
    }
  }

  /** Deregisters everywhere, and begins when all have answered, or nobody does any more. */
  #leaveServers(nowMs: number, out: DeviceOutput[]): void {
    if (this.#account === undefined || this.#leaving.size > 0) return;
    const registered = this.#servers.filter(({ device }) => device?.registered === true);
    for (const server of registered) this.#leaving.add(server);
    if (registered.length === 0) this.#begin(nowMs, out);
    this.#tell(registered, { type: "deregister" }, nowMs, out);
  }

  #left(connection: Connection, nowMs: number, out: DeviceOutput[]): void {
    if (!this.#leaving.delete(connection as ServerConnection)) return; // Of another type it is not among them.
    if (this.#leaving.size === 0) this.#begin(nowMs, out);
  }

  /** Bootstraps, after Client Hold Off Time. */
  #begin(nowMs: number, out: DeviceOutput[]): void {
    if (this.#account === undefined) return;
    this.#endBootstrap();
    this.#servers = [];
    this.#holdOffUntilMs = nowMs + this.#account.holdOffS * 1000;
    if (this.#account.holdOffS <= 0) this.#ask(nowMs, out);
  }

  #ask(nowMs: number, out: DeviceOutput[]): void {
    this.#holdOffUntilMs = undefined;
    if (this.#account === undefined) return;
    this.#bootstrap = {
      account: this.#account,
      open: (server) => {
        const { endpoint, random, transmission, pack = false, bootstrapTimeoutMs: timeoutMs } = this.#settings;
        const contentFormats = this.#settings.contentFormats ?? VERSION_ABILITIES[this.#version].contentFormats;
        this.#client = new BootstrapClient({
          endpoint,
          server,
          random,
          pack,
          tree: this.#tree,
          lwm2mVersion: this.#version,
          contentFormats,
          ...(timeoutMs === undefined ? {} : { timeoutMs }),
          ...(transmission === undefined ? {} : { transmission }),
        });
        return this.#client;
      },
    };
    this.#connect(this.#bootstrap, nowMs, out);
  }

  #endBootstrap(): void {
    this.#client = undefined;
    this.#bootstrap = undefined;
    this.#holdOffUntilMs = undefined;
    this.#leaving.clear();
  }

  /** The bootstrap server is done, and what it wrote is consistent. */
  #finish(nowMs: number, out: DeviceOutput[]): void {
    this.#account = bootstrapAccount(this.#tree);
    const { timeoutS = 0 } = this.#account ?? {};
    this.#purgeMs = timeoutS > 0 ? nowMs + timeoutS * 1000 : undefined;
    this.#register(nowMs, out);
  }

  /** The bootstrap server refuses: the servers that the device knows from before are still good. */
  #goOn(nowMs: number, out: DeviceOutput[]): void {
    try {
      this.#register(nowMs, out);
    } catch (error) {
      if (!(error instanceof RequestRefusedError)) throw error;
    }
  }

  /** @throws {RequestRefusedError} there are no servers that the device can use */
  #register(nowMs: number, out: DeviceOutput[]): void {
    this.#servers = serverAccounts(this.#tree).map((account, index) => this.#serverConnection(account, index === 0));
    for (const server of this.#servers) this.#connect(server, nowMs, out);
  }

  #serverConnection(account: ServerAccount, isFirst: boolean): ServerConnection {
    const connection: ServerConnection = {
      account,
      open: (server) => {
        const { signals = [], queueMode = false } = this.#settings;
        connection.device = new SimulatedDevice({
          ...this.#settings,
          server,
          tree: this.#tree,
          serverInstanceId: account.serverInstanceId,
          lifetimeS: account.lifetimeS,
          bindingMode: account.binding.replace("Q", "") || "U",
          queueMode: queueMode || account.binding.includes("Q"),
          // They change what all servers see: once is enough.
          signals: isFirst ? signals : [],
        });
        return connection.device;
      },
    };
    return connection;
  }

  /** The account of the bootstrap server lasts no longer than 0/x/12 says (OMA LwM2M Core 1.1.1 appendix E.1). */
  #purge(): void {
    this.#purgeMs = undefined;
    if (this.#account !== undefined) this.#tree.remove(SECURITY.object, this.#account.instanceId);
    this.#account = undefined;
  }

  #connect(connection: Connection, nowMs: number, out: DeviceOutput[]): void {
    const { host } = connection.account.uri;
    if (isIP(host) > 0) this.#open(connection, host, nowMs, out);
    else out.push({ type: "resolve", host });
  }

  #settleName(host: string, address: string | undefined, nowMs: number, out: DeviceOutput[]): void {
    const waiting = this.#connections().filter(({ machine, account }) => !machine && account.uri.host === host);
    if (waiting.length > 0 && address === undefined) out.push({ type: "unresolved", host });
    for (const connection of waiting) {
      if (address === undefined) connection.retryMs = nowMs + RESOLVE_AGAIN_MS;
      else this.#open(connection, address, nowMs, out);
    }
  }

  /** Speaks to a server, whose address is known now. */
  #open(connection: Connection, address: string, nowMs: number, out: DeviceOutput[]): void {
    const { credential, serverName, uri } = connection.account;
    const { random, wallMs, security } = this.#settings;
    const server = formatPeerKey(address, uri.port);
    const inner = connection.open(server);
    connection.peer = server;
    connection.machine =
      credential === undefined
        ? inner
        : new SecuredDevice(inner, {
            ...security,
            credential,
            server,
            random,
            wallMs,
            ...(serverName === undefined ? {} : { serverName }),
          });
    const first = connection === this.#bootstrap ? "bootstrap" : "register";
    this.#tell([connection], { type: first }, nowMs, out);
  }
}

/** What it holds before any server wrote to it: of servers, the account of the bootstrap server only. */
function factoryObjects(
  version: LwM2mVersion,
  { account, objects = standardObjects(NO_LIFETIME_S) }: BootstrappingDeviceSettings,
): readonly SimulatedObject[] {
  const [security, server, accessControl] = OBJECT_VERSIONS[version];
  const own = [
    securityObject(security, account),
    coreObject(SERVER.object, server, {}),
    coreObject(ACCESS_CONTROL_OBJECT, accessControl, {}),
  ];
  return [...objects.filter(({ model }) => !own.some((it) => it.model.id === model.id)), ...own];
}
