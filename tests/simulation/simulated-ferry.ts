import type { IncomingRecord } from "@ferry/bus";
import { MemoryBus } from "@ferry/bus/memory";
import { BusClient } from "@ferry/client";
import { TOPICS } from "@ferry/proto";
import { type ProvisioningDocument, publishRecords } from "@ferry/provisioning";
import { RPC_ROUTER_CONFIG, startRpcRouter } from "@ferry/rpc-router";
import {
  createHealth,
  createLogger,
  createMetrics,
  createShutdown,
  driveMachine,
  type ServiceRuntime,
  type State,
  type UdpSocket,
  type UdpSocketOptions,
} from "@ferry/runtime";
import {
  type DeviceEvent,
  type DeviceInput,
  type DeviceOutput,
  ImpairedMachine,
  type Impairment,
  SimulatedDevice,
  type SimulatedDeviceSettings,
  seededRandom,
} from "@ferry/simulator";
import { memoryState } from "@ferry/state/memory";
import { startTransport, TRANSPORT_CONFIG } from "@ferry/transport";
import { VirtualTime } from "./virtual-time.ts";

const SERVER = "192.0.2.1:5683";
const STOP_MS = 5_000;

/** A final answer as it is published. */
export interface FinalAnswer {
  readonly requestId: string;
  readonly status: string;
  readonly result?: string;
  readonly error?: string;
}

/** A request as an application writes it. */
export interface SimulatedRequest {
  readonly requestId: string;
  readonly endpoint: string;
  readonly method: string;
  readonly params: unknown;
  readonly expiresAtMs: number;
}

/** A device's way to the server. */
export interface Path extends Impairment {
  /** The NAT between forgets a mapping that was silent for so long, ms: what the device sends then comes from another port, and nothing reaches it through the old one. */
  readonly natTimeoutMs: number;
}

const NAT = "198.51.100.7";
const FIRST_PORT = 40_000;

/** A transport node and an rpc-router, the real services, in virtual time: memory instead of Kafka and Redis, and a network that carries datagrams by itself. */
export class SimulatedFerry {
  readonly time: VirtualTime;
  readonly answers: FinalAnswer[] = [];
  /** Datagrams that the server sent so far. */
  datagramsSent = 0;
  readonly #bus = new MemoryBus();
  /** What it promises is settled as `time` goes on. */
  readonly client: BusClient = new BusClient(this.#bus);
  readonly #requests = this.#bus.sender({ name: "application", lingerMs: 0 });
  readonly #state: State;
  readonly #services: ServiceRuntime["shutdown"][] = [];
  #toDevice: (to: string, bytes: Uint8Array) => void = () => {};
  #toServer: UdpSocketOptions["onDatagram"] = () => {};

  private constructor(startMs: number) {
    this.time = new VirtualTime(startMs);
    this.#state = memoryState();
  }

  /** Starts it at `startMs`, ms since 1970, with these documents applied. `env` has settings of the transport. */
  static async start(
    startMs: number,
    documents: readonly ProvisioningDocument[],
    env: Readonly<Record<string, string>> = {},
  ): Promise<SimulatedFerry> {
    const ferry = new SimulatedFerry(startMs);
    await ferry.time.until(ferry.#start(documents, env));
    return ferry;
  }

  async #start(documents: readonly ProvisioningDocument[], env: Readonly<Record<string, string>>): Promise<void> {
    const common = { LOG_LEVEL: "fatal", KAFKA_TOPICS: "create", BUS: "memory", STATE: "memory" };
    const connections = { bus: this.#bus, state: this.#state };
    await startRpcRouter(RPC_ROUTER_CONFIG.load({ env: common }), this.#runtime("rpc-router"), connections);
    await publishRecords(this.#bus, documents, { timeoutMs: 60_000 });
    await startTransport(
      TRANSPORT_CONFIG.load({ env: { ...common, LWM2M_DTLS_ENABLED: "false", ...env } }),
      this.#runtime("transport"),
      {
        ...connections,
        openSocket: async (options) => this.#openSocket(options),
      },
    );
    this.#bus.subscribe({
      type: "reader",
      topic: TOPICS.rpcResponse.name,
      from: "earliest",
      handle: ({ value }: IncomingRecord) => {
        if (value !== null) this.answers.push(JSON.parse(Buffer.from(value).toString()) as FinalAnswer);
      },
    });
  }

  #runtime(service: string): ServiceRuntime {
    const logger = createLogger(service, { level: "fatal", format: "json" });
    const shutdown = createShutdown(logger, STOP_MS);
    this.#services.push(shutdown);
    return { logger, metrics: createMetrics({ process: false }), health: createHealth(0), shutdown, httpPort: 0 };
  }

  #openSocket({ onDatagram }: UdpSocketOptions): UdpSocket {
    this.#toServer = onDatagram;
    return {
      host: "192.0.2.1",
      port: 5683,
      receiveBufferBytes: 0,
      send: (bytes, peer) => {
        this.datagramsSent++;
        const copy = Uint8Array.from(bytes);
        setImmediate(() => this.#toDevice(peer, copy));
      },
      kernelDrops: () => 0,
      close: async () => {},
    };
  }

  /** Puts a device behind a NAT, at the end of a bad link; at most one. Its events go to `onEvent`. */
  connect(
    settings: Omit<SimulatedDeviceSettings, "server" | "random">,
    path: Path,
    onEvent: (event: DeviceEvent) => void,
  ): (input: DeviceInput) => void {
    const device = new SimulatedDevice({ ...settings, server: SERVER, random: seededRandom(path.seed) });
    let port = FIRST_PORT;
    let mappedUntilMs = Number.POSITIVE_INFINITY;
    const address = () => `${NAT}:${port}`;
    const driver = driveMachine<DeviceInput, DeviceOutput>(new ImpairedMachine(device, path), (output) => {
      if (output.type === "resolve") return; // Its server has no name.
      if (output.type !== "send") {
        onEvent(output);
        return;
      }
      const nowMs = this.time.nowMs;
      if (nowMs >= mappedUntilMs) port++;
      mappedUntilMs = nowMs + path.natTimeoutMs;
      const [from, bytes] = [address(), Uint8Array.from(output.bytes)];
      setImmediate(() => this.#toServer(bytes, from));
    });
    this.#toDevice = (to, bytes) => {
      if (to === address() && this.time.nowMs < mappedUntilMs) driver.handle({ type: "datagram", peer: SERVER, bytes });
    };
    return (input) => driver.handle(input);
  }

  /** Publishes a request; its answer will be in `answers`. */
  request(request: SimulatedRequest): Promise<void> {
    return this.#requests.publish({
      topic: TOPICS.rpcRequest.name,
      key: `default/${request.endpoint}`,
      value: Buffer.from(JSON.stringify(request)),
    });
  }

  async stop(): Promise<void> {
    const stopping = async () => {
      for (const shutdown of this.#services.reverse()) await shutdown.stop();
      await this.#bus.stop();
    };
    await this.time.until(stopping());
    this.time.end();
  }
}
