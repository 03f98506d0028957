import { CoapStack, type PeerKey } from "@ferry/coap";
import { type CoapHandlers, CoapServer } from "./coap-server.ts";
import type { CoapSettings } from "./coap-settings.ts";
import type { Logger } from "./logger.ts";
import { driveMachine, type MachineDriver, type openUdpSocket, type UdpSocket } from "./udp-driver.ts";

/** What a CoAP listener is opened with. */
export interface CoapListenerParts {
  readonly settings: CoapSettings;
  readonly openSocket: typeof openUdpSocket;
  readonly random: (size: number) => Uint8Array;
  readonly handlers: CoapHandlers;
  /** Peers that are not reached by this socket: those of a DTLS listener beside it. */
  readonly isSecured: (peer: PeerKey) => boolean;
  readonly sendSecured: (bytes: Uint8Array, peer: PeerKey) => void;
  /** Called before a datagram of the socket is looked at. */
  readonly beforeDatagram?: () => void;
  readonly logger: Logger;
}

/** A stack on a socket of its own. */
export interface CoapListener {
  readonly coap: CoapServer;
  /** UDP port. */
  readonly port: number;
  kernelDrops(): number;
  /** Nothing is performed any more. Resolves when the socket is closed. */
  stop(): Promise<void>;
}

/**
 * Opens the CoAP listener that the settings describe; what comes over DTLS is handed to its `coap`.
 *
 * @throws {PortInUseError} another process has the port
 * @throws {UsageError} the host is not an address of this machine, or the port is not ours to bind
 */
export async function openCoapListener(parts: CoapListenerParts): Promise<CoapListener> {
  const { settings, openSocket, random, handlers, isSecured, sendSecured, beforeDatagram, logger } = parts;
  const { maxBodyBytes, blockSize } = settings;
  const stack = new CoapStack({ random, parameters: settings, limits: { maxBodyBytes, blockSize } });
  let driver: MachineDriver<Parameters<CoapStack["handle"]>[0]> | undefined;
  let socket: UdpSocket | undefined;
  const coap = new CoapServer({
    drive: (perform) => {
      const made = driveMachine(stack, perform);
      driver = made;
      return (input) => made.handle(input);
    },
    send: (bytes, peer) => {
      if (isSecured(peer)) sendSecured(bytes, peer);
      else socket?.send(bytes, peer);
    },
    handlers,
  });
  const opened = await openSocket({
    host: settings.host,
    port: settings.port,
    reusePort: settings.reusePort,
    receiveBufferBytes: settings.receiveBufferBytes,
    onDatagram: (bytes, peer) => {
      beforeDatagram?.();
      coap.receive(bytes, peer);
    },
    onError: (error) => logger.error({ error }, "The CoAP socket failed"),
  });
  socket = opened;
  return {
    coap,
    port: opened.port,
    kernelDrops: () => opened.kernelDrops(),
    stop: () => {
      driver?.stop();
      return opened.close();
    },
  };
}
