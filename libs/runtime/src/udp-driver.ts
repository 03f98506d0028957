import { createSocket, type Socket } from "node:dgram";
import { isIP } from "node:net";
import type { Machine } from "@ferry/coap";
import { type Clock, monotonicMs } from "./clock.ts";
import { PortInUseError, UsageError } from "./errors.ts";
import { formatPeerKey, type PeerKey, parsePeerKey, socketAddress } from "./peer-key.ts";
import { kernelDrops } from "./socket-drops.ts";

/** How a UDP socket is opened. */
export interface UdpSocketOptions {
  /** An IP address; `::`, the default, is all addresses, IPv6 and IPv4 (`0.0.0.0` on a machine without IPv6). */
  readonly host?: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Asked of the kernel, which grants at most `net.core.rmem_max`; 4 MiB when not given. */
  readonly receiveBufferBytes?: number;
  /** Lets several processes share the port; the kernel keeps a peer on one of them. */
  readonly reusePort?: boolean;
  /** The bytes are the receiver's to keep. */
  readonly onDatagram: (bytes: Uint8Array, peer: PeerKey) => void;
  /** The socket failed after it was opened. */
  readonly onError: (error: Error) => void;
}

/** An open UDP socket. */
export interface UdpSocket {
  readonly host: string;
  readonly port: number;
  /** What the kernel granted. */
  readonly receiveBufferBytes: number;
  /** Sends, as far as anyone can know: UDP promises nothing, so a failure to send is a lost datagram. */
  send(bytes: Uint8Array, peer: PeerKey): void;
  /** Datagrams lost since the socket was opened because its receive buffer was full. */
  kernelDrops(): number;
  close(): Promise<void>;
}

const ANY = "::";
const ANY_IPV4 = "0.0.0.0";
const DEFAULT_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Parsed addresses of peers that we sent to lately; the oldest gives way. */
const MAX_ADDRESSES = 65_536;

/**
 * Opens a UDP socket.
 *
 * @throws {PortInUseError} another process has the port
 * @throws {UsageError} the host is not an address of this machine, or the port is not ours to bind
 */
export async function openUdpSocket(options: UdpSocketOptions): Promise<UdpSocket> {
  const host = options.host ?? ANY;
  if (isIP(host) === 0) {
    throw new UsageError(`${host} is not an IP address: give one of this machine's, such as 127.0.0.1, or :: for all`);
  }
  try {
    return await bind(options, host);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (host === ANY && (code === "EAFNOSUPPORT" || code === "EADDRNOTAVAIL")) return bind(options, ANY_IPV4);
    throw error;
  }
}

async function bind(options: UdpSocketOptions, host: string): Promise<UdpSocket> {
  const family = isIP(host) === 6 ? "udp6" : "udp4";
  const socket = createSocket({
    type: family,
    reusePort: options.reusePort ?? false,
    recvBufferSize: options.receiveBufferBytes ?? DEFAULT_RECEIVE_BUFFER_BYTES,
    // Peers are addresses, never names: answering in the same call spares a turn of the event loop for each datagram.
    lookup: (address, _options, callback) => callback(null, address, family === "udp6" ? 6 : 4),
  });
  const { onDatagram } = options;
  socket.on("message", (bytes, from) => {
    // Source port 0 means that no answer is expected (RFC 768), and none could be sent.
    if (from.port !== 0) onDatagram(bytes, formatPeerKey(from.address, from.port));
  });
  await listening(socket, options.port, host);
  socket.on("error", options.onError);

  const addresses = new AddressCache(family);
  const { port } = socket.address();
  let closed = false;
  return {
    host,
    port,
    receiveBufferBytes: socket.getRecvBufferSize(),
    send(bytes, peer) {
      if (closed) return;
      const { address, port: peerPort } = addresses.get(peer);
      socket.send(bytes, peerPort, address);
    },
    kernelDrops: () => kernelDrops(port),
    close: () => {
      closed = true;
      return new Promise((resolve) => socket.close(resolve));
    },
  };
}

function listening(socket: Socket, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.close();
      reject(explain(error, host, port));
    });
    socket.bind(port, host, () => {
      socket.removeAllListeners("error");
      resolve();
    });
  });
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  switch (error.code) {
    case "EADDRINUSE":
      return new PortInUseError("udp", host, port, error);
    case "EACCES":
      return new UsageError(`udp port ${port} on ${host} may not be bound by this user: choose a port from 1024`, {
        cause: error,
      });
    default:
      return error;
  }
}

interface Address {
  readonly address: string;
  readonly port: number;
}

/** Peer keys to what the socket takes; first in, first out. */
class AddressCache {
  readonly #addresses = new Map<PeerKey, Address>();
  readonly #family: "udp4" | "udp6";

  constructor(family: "udp4" | "udp6") {
    this.#family = family;
  }

  get(peer: PeerKey): Address {
    return this.#addresses.get(peer) ?? this.#add(peer);
  }

  #add(peer: PeerKey): Address {
    const parsed = parsePeerKey(peer);
    if (parsed === undefined) throw new TypeError(`${peer} is not a peer key`);
    if (this.#addresses.size >= MAX_ADDRESSES) {
      for (const oldest of this.#addresses.keys()) {
        this.#addresses.delete(oldest);
        break;
      }
    }
    const address = { address: socketAddress(parsed.address, this.#family), port: parsed.port };
    this.#addresses.set(peer, address);
    return address;
  }
}

/** Longest delay that `setTimeout` takes; a later deadline is armed again when it has passed. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A machine with a clock. */
export interface MachineDriver<Input> {
  /** Gives the machine its input and performs what comes back, in order; inputs given meanwhile come after. */
  handle(input: Input): void;
  /** Forgets the timer; nothing is performed any more. */
  stop(): void;
}

/** Runs a protocol core: hands it the time with every input, performs its outputs in order, and ticks it when its deadline has come. */
export function driveMachine<Input, Output>(
  machine: Machine<Input, Output>,
  perform: (output: Output) => void,
  clock: Clock = monotonicMs,
): MachineDriver<Input> {
  const outputs: Output[] = [];
  let performing = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let armedMs = Number.POSITIVE_INFINITY;

  const advance = (next: readonly Output[]): void => {
    for (const output of next) outputs.push(output);
    if (performing) return;
    performing = true;
    try {
      for (let index = 0; index < outputs.length && !stopped; index++) perform(outputs[index] as Output);
    } finally {
      outputs.length = 0;
      performing = false;
    }
    arm();
  };

  /** A later deadline leaves the timer as it is: it fires, finds nothing due and is armed anew, which is cheaper than moving it with every datagram. */
  const arm = (): void => {
    const { deadlineMs } = machine;
    if (stopped || deadlineMs === undefined || deadlineMs >= armedMs) return;
    clearTimeout(timer);
    armedMs = deadlineMs;
    timer = setTimeout(fire, Math.min(Math.max(0, Math.ceil(deadlineMs - clock())), MAX_TIMER_MS));
  };

  const fire = (): void => {
    armedMs = Number.POSITIVE_INFINITY;
    advance(machine.tick(clock()));
  };

  return {
    handle(input) {
      if (!stopped) advance(machine.handle(input, clock()));
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
