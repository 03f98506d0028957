/**
 * Devices for `dtls.bench.ts`, in a process of their own: each has a socket and a DTLS client, and connects, connects again or sends when told to.
 */
import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type ClientSession, DtlsClient, type DtlsClientInput, type DtlsClientOptions } from "@ferry/dtls";
import { driveMachine, type MachineDriver, wallMs } from "@ferry/runtime";
import { CONNECT_LOOP, closedLoop, type LoopResult, quantiles } from "./closed-loop.ts";
import { clientOptions, type DeviceKind, endpointOf, sourceAddress } from "./dtls-devices.ts";
import type { ServerPorts } from "./dtls-echo-server.ts";

/** What the devices are told. */
export type DtlsLoadCommand =
  /** Makes devices; the ports are those of the server. */
  | {
      readonly type: "prepare";
      readonly kind: DeviceKind;
      readonly first: number;
      readonly count: number;
      readonly server: ServerPorts;
    }
  /** Each device makes an association, by a full handshake or by its session. */
  | { readonly type: "connect" | "resume" }
  /** A record or a datagram out and the same bytes back; a hello without cookie out and a HelloVerifyRequest back. */
  | { readonly type: "echo" | "plainEcho" | "hello"; readonly count: number }
  /** Records at a steady rate, each when it is due, whatever became of those before. */
  | { readonly type: "steadyEcho"; readonly count: number; readonly perSecond: number };

export interface DtlsLoadResult extends LoopResult {
  readonly seconds: number;
}

/** As long as a small notification. */
const CONTENT = randomBytes(64);
const HANDSHAKE_TIMEOUT_MS = 20_000;
const ECHO_TIMEOUT_MS = 2_000;
const NOTHING: LoopResult = { failed: 0, p50Ms: 0, p99Ms: 0 };

class Device {
  readonly #address: string;
  readonly #socket: Socket = createSocket({ type: "udp4", recvBufferSize: 65_536 });
  readonly #server: ServerPorts;
  readonly #options: DtlsClientOptions;
  readonly #driver: MachineDriver<DtlsClientInput>;
  #session: ClientSession | undefined;
  #hello: Uint8Array | undefined;
  /** What comes is not for the client. */
  #isRaw = false;
  #done: (isGood: boolean) => void = () => undefined;

  constructor(index: number, server: ServerPorts, options: DtlsClientOptions) {
    this.#address = sourceAddress(index);
    this.#server = server;
    this.#options = options;
    this.#driver = driveMachine(new DtlsClient(options), (output) => {
      if (output.type === "send") this.#send(output.bytes, server.dtls);
      else this.#done(output.type === "received" || output.type === "established");
      if (output.type === "established") this.#session = output.session;
    });
    this.#socket.on("message", (bytes) => {
      if (this.#isRaw) this.#done(true);
      else this.#driver.handle({ type: "datagram", bytes });
    });
  }

  async open(): Promise<void> {
    this.#socket.bind(0, this.#address);
    await once(this.#socket, "listening");
  }

  connect(): Promise<boolean> {
    return this.#exchange(HANDSHAKE_TIMEOUT_MS, () => this.#driver.handle({ type: "connect" }));
  }

  resume(): Promise<boolean> {
    const resumed = this.#session === undefined ? {} : { session: this.#session };
    return this.#exchange(HANDSHAKE_TIMEOUT_MS, () => this.#driver.handle({ type: "connect", ...resumed }));
  }

  echo(): Promise<boolean> {
    return this.#exchange(ECHO_TIMEOUT_MS, () => this.#driver.handle({ type: "send", bytes: CONTENT }));
  }

  plainEcho(): Promise<boolean> {
    return this.#exchangeRaw(CONTENT, this.#server.plain);
  }

  hello(): Promise<boolean> {
    this.#hello ??= firstHello(this.#options);
    return this.#exchangeRaw(this.#hello, this.#server.dtls);
  }

  async #exchangeRaw(bytes: Uint8Array, port: number): Promise<boolean> {
    this.#isRaw = true;
    const isAnswered = await this.#exchange(ECHO_TIMEOUT_MS, () => this.#send(bytes, port));
    this.#isRaw = false;
    return isAnswered;
  }

  #exchange(timeoutMs: number, begin: () => void): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      this.#done = (isGood) => {
        clearTimeout(timer);
        resolve(isGood);
      };
      begin();
    });
  }

  #send(bytes: Uint8Array, port: number): void {
    this.#socket.send(bytes, port, "127.0.0.1");
  }
}

function firstHello(options: DtlsClientOptions): Uint8Array {
  const [hello] = new DtlsClient(options).handle({ type: "connect" }, 0);
  if (hello?.type !== "send") throw new TypeError("a client that connects says hello");
  return hello.bytes;
}

function connectAll(operation: (device: Device) => Promise<boolean>): Promise<LoopResult> {
  return closedLoop(devices, devices.length, operation, CONNECT_LOOP);
}

async function paced(
  perSecond: number,
  count: number,
  operation: (index: number) => Promise<boolean>,
): Promise<LoopResult> {
  const latencies: number[] = [];
  const running: Promise<void>[] = [];
  let failed = 0;
  const one = async (index: number): Promise<void> => {
    const startMs = performance.now();
    if (!(await operation(index))) failed += 1;
    latencies.push(performance.now() - startMs);
  };
  const startMs = performance.now();
  while (running.length < count) {
    const due = Math.min(count, ((performance.now() - startMs) * perSecond) / 1000);
    while (running.length < due) running.push(one(running.length));
    await sleep(1);
  }
  await Promise.all(running);
  return { failed, ...quantiles(latencies) };
}

const devices: Device[] = [];

async function obey(command: DtlsLoadCommand): Promise<LoopResult> {
  switch (command.type) {
    case "prepare": {
      const { kind, first, count, server } = command;
      for (let index = first; index < first + count; index++) {
        const options = await clientOptions(kind, endpointOf(kind, index));
        const device = new Device(index, server, { ...options, random: randomBytes, wallMs });
        await device.open();
        devices.push(device);
      }
      return NOTHING;
    }
    case "connect":
      return connectAll((device) => device.connect());
    case "resume":
      return connectAll((device) => device.resume());
    case "echo":
      return closedLoop(devices, command.count, (device) => device.echo());
    case "plainEcho":
      return closedLoop(devices, command.count, (device) => device.plainEcho());
    case "hello":
      return closedLoop(devices, command.count, (device) => device.hello());
    case "steadyEcho":
      return paced(command.perSecond, command.count, (index) => (devices[index % devices.length] as Device).echo());
  }
}

process.on("message", async (command: DtlsLoadCommand) => {
  const startMs = performance.now();
  const result = await obey(command);
  process.send?.({ ...result, seconds: (performance.now() - startMs) / 1000 } satisfies DtlsLoadResult);
});
