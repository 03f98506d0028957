import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { LossyLink, type LossyLinkOptions, SeededRandom } from "@ferry/testing";

const LOOPBACK = "127.0.0.1";

/** How a relay treats what it carries. */
export interface RelayOptions {
  /** Port of the server, on loopback. */
  readonly server: number;
  /** Both directions alike; a perfect link when not given. */
  readonly link?: LossyLinkOptions;
  /** Decides what the link does; 1 by default. */
  readonly seed?: number;
}

/** Stands between one client and the server on loopback, as a network and its NAT do. */
export interface Relay {
  readonly port: number;
  /** What came from either side, in order, before the link had its way with it. */
  readonly fromClient: readonly Uint8Array[];
  readonly fromServer: readonly Uint8Array[];
  /** From now on the server sees the client at another port, as after a NAT's rebinding; what is sent to the old one is lost. */
  rebind(): Promise<void>;
  /** Sends a datagram to the server from a port of its own, as who captured it would; the socket tells what comes back. */
  inject(datagram: Uint8Array): Promise<Injection>;
  stop(): void;
}

/** A datagram of somebody else's, and what the server answered to it. */
export interface Injection {
  readonly port: number;
  readonly answers: readonly Uint8Array[];
}

/** Starts a {@link Relay}. */
export async function startRelay(options: RelayOptions): Promise<Relay> {
  const seed = options.seed ?? 1;
  const fromClient: Uint8Array[] = [];
  const fromServer: Uint8Array[] = [];
  const sockets: Socket[] = [];
  let client = 0;
  let outside: Socket;

  async function open(onDatagram: (datagram: Buffer, port: number) => void): Promise<Socket> {
    const socket = createSocket("udp4");
    sockets.push(socket);
    socket.on("message", (datagram, from) => onDatagram(datagram, from.port));
    // Who is gone answers with ICMP; a network does not mind.
    socket.on("error", () => undefined);
    socket.bind(0, LOOPBACK);
    await once(socket, "listening");
    return socket;
  }

  const towardsServer = carry(seed, (datagram) => outside.send(datagram, options.server, LOOPBACK));
  const towardsClient = carry(seed + 1, (datagram) => inside.send(datagram, client, LOOPBACK));

  /** Hands datagrams on as the link decides. */
  function carry(
    linkSeed: number,
    deliver: (datagram: Uint8Array) => void,
  ): { take(datagram: Uint8Array): void; stop(): void } {
    if (options.link === undefined) return { take: deliver, stop: () => undefined };
    const link = new LossyLink<Uint8Array>(options.link, new SeededRandom(linkSeed));
    let timer: NodeJS.Timeout | undefined;
    const arrive = (): void => {
      for (
        let next = link.takeArrived(performance.now());
        next !== undefined;
        next = link.takeArrived(performance.now())
      )
        deliver(next);
      arm();
    };
    const arm = (): void => {
      clearTimeout(timer);
      if (link.nextMs !== undefined)
        timer = setTimeout(arrive, Math.max(0, Math.ceil(link.nextMs - performance.now())));
    };
    return {
      take(datagram) {
        link.send(datagram, performance.now());
        arm();
      },
      stop: () => clearTimeout(timer),
    };
  }

  const inside = await open((datagram, port) => {
    client = port;
    fromClient.push(datagram);
    towardsServer.take(datagram);
  });
  const openOutside = (): Promise<Socket> =>
    open((datagram) => {
      fromServer.push(datagram);
      towardsClient.take(datagram);
    });
  outside = await openOutside();

  return {
    port: inside.address().port,
    fromClient,
    fromServer,
    async rebind() {
      const before = outside;
      outside = await openOutside();
      before.removeAllListeners("message");
    },
    async inject(datagram) {
      const answers: Uint8Array[] = [];
      const socket = await open((answer) => answers.push(answer));
      socket.send(datagram, options.server, LOOPBACK);
      return { port: socket.address().port, answers };
    },
    stop() {
      towardsServer.stop();
      towardsClient.stop();
      for (const socket of sockets) socket.close();
    },
  };
}
