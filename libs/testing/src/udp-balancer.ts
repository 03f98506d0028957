import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";

const LOOPBACK = "127.0.0.1";

export interface UdpBalancerOptions {
  /** Ports on 127.0.0.1 to spread the flows over. */
  readonly backends: readonly number[];
  /** Port to listen on; 0 (the default) takes a free one. */
  readonly port?: number;
  /** Flows held at once; beyond it the one that was silent longest goes. 4096 by default. */
  readonly maxFlows?: number;
  /** Sees every datagram that comes from a client or a backend, strays too, before it goes on. */
  readonly onDatagram?: (
    from: "client" | "backend",
    clientPort: number,
    backendPort: number,
    bytes: Uint8Array,
  ) => void;
}

export interface UdpBalancerStats {
  readonly flows: number;
  /** Datagrams towards each backend port. */
  readonly toBackend: ReadonlyMap<number, number>;
  readonly toClients: number;
  /** Datagrams from a backend that is not, or no longer, the one of the flow they came to. */
  readonly strays: number;
  /** Flows dropped because there were too many. */
  readonly evicted: number;
}

/**
 * A UDP load balancer with connection tracking, in user space and on loopback only: what a Kubernetes Service or an L4 balancer is to devices.
 *
 * Each client (source address and port) is a flow: it gets a backend by its hash, and a source port of its own towards it, and keeps both.
 */
export interface UdpBalancer {
  readonly port: number;
  readonly stats: UdpBalancerStats;
  /** Spreads new flows over these; a flow whose backend is gone moves with its next datagram. */
  setBackends(backends: readonly number[]): void;
  /** Moves every flow to another backend, as when the balancer's table is lost; its source port stays. */
  rehash(): void;
  /** Spreads the flows over the backends anew, by a hash with this salt, as when the balancer itself is replaced; their source ports stay. */
  respread(salt: string): void;
  /** Gives every flow a new source port towards its backend, as when a NAT rebinds. */
  changeSourcePorts(): Promise<void>;
  /** From now on what any backend sends to a flow reaches its client, as where all send from the balancer's address. */
  deliverStrays(): void;
  close(): void;
}

interface Flow {
  readonly client: RemoteInfo;
  upstream: Socket;
  backend: number;
}

/** Starts a {@link UdpBalancer}. */
export async function startUdpBalancer(options: UdpBalancerOptions): Promise<UdpBalancer> {
  const maxFlows = options.maxFlows ?? 4096;
  let backends = options.backends;
  /** By client, the one that was silent longest first. */
  const flows = new Map<string, Flow>();
  const toBackend = new Map<number, number>();
  let toClients = 0;
  let strays = 0;
  let deliversStrays = false;
  let evicted = 0;

  const listener = createSocket("udp4");
  listener.bind(options.port ?? 0, LOOPBACK);
  await once(listener, "listening");

  listener.on("message", (datagram, client) => {
    if (backends.length === 0) return;
    const key = `${client.address}:${client.port}`;
    const flow = flows.get(key) ?? openFlow(key, client);
    flows.delete(key);
    flows.set(key, flow);
    if (!backends.includes(flow.backend)) flow.backend = backendOf(key);
    toBackend.set(flow.backend, (toBackend.get(flow.backend) ?? 0) + 1);
    options.onDatagram?.("client", client.port, flow.backend, datagram);
    flow.upstream.send(datagram, flow.backend, LOOPBACK);
  });

  function openFlow(key: string, client: RemoteInfo): Flow {
    if (flows.size >= maxFlows) {
      const [oldest] = flows as Iterable<[string, Flow]>;
      if (oldest !== undefined) {
        flows.delete(oldest[0]);
        oldest[1].upstream.close();
        evicted++;
      }
    }
    const upstream = createSocket("udp4");
    const flow: Flow = { client, upstream, backend: backendOf(key) };
    upstream.bind(0, LOOPBACK);
    receive(flow, upstream);
    return flow;
  }

  /** Carries what comes back from the flow's backend to its client. */
  function receive(flow: Flow, upstream: Socket): void {
    upstream.on("message", (datagram, from) => {
      options.onDatagram?.("backend", flow.client.port, from.port, datagram);
      if (from.port !== flow.backend) {
        strays++;
        if (!deliversStrays) return;
      }
      toClients++;
      listener.send(datagram, flow.client.port, flow.client.address);
    });
    // A backend that is down answers with ICMP; a balancer does not mind.
    upstream.on("error", () => undefined);
  }

  function backendOf(key: string): number {
    return backends[fnv1a(key) % backends.length] as number; // Only asked while there are backends.
  }

  return {
    port: listener.address().port,
    get stats() {
      return { flows: flows.size, toBackend: new Map(toBackend), toClients, strays, evicted };
    },
    setBackends(next) {
      backends = next;
    },
    rehash() {
      for (const flow of flows.values()) {
        const index = backends.indexOf(flow.backend);
        flow.backend = backends[(index + 1) % backends.length] ?? flow.backend;
      }
    },
    respread(salt) {
      if (backends.length === 0) return;
      for (const [key, flow] of flows) flow.backend = backendOf(salt + key);
    },
    async changeSourcePorts() {
      await Promise.all(
        [...flows].map(async ([key, flow]) => {
          const upstream = createSocket("udp4");
          receive(flow, upstream);
          upstream.bind(0, LOOPBACK);
          await once(upstream, "listening");
          const stale = flows.get(key) === flow ? flow.upstream : upstream;
          if (stale !== upstream) flow.upstream = upstream;
          stale.close();
        }),
      );
    },
    deliverStrays() {
      deliversStrays = true;
    },
    close() {
      listener.close();
      for (const flow of flows.values()) flow.upstream.close();
      flows.clear();
    },
  };
}

/** FNV-1a, 32 bits: spreads short keys well enough. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
