import type { Address } from "./association-state.ts";
import type { Handshake } from "./handshake.ts";
import { wideNetworkOf } from "./network.ts";

/** What a network has. */
interface Load {
  handshakes: number;
  bytes: number;
}

/** Its handshakes, in the order in which they were heard. */
interface Network extends Load {
  readonly items: Set<Handshake>;
}

/** Networks beside each other. */
interface WideNetwork extends Load {
  readonly items: Map<string, Network>;
}

/** The handshakes that have not ended, by address, with what limits them. All networks are in the order in which they were heard. */
export class HandshakeTable {
  readonly #byAddress = new Map<Address, Handshake>();
  readonly #wideNetworks = new Map<string, WideNetwork>();
  #bytes = 0;

  get size(): number {
    return this.#byAddress.size;
  }

  /** What all of them keep, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get(address: Address): Handshake | undefined {
    return this.#byAddress.get(address);
  }

  add(handshake: Handshake): void {
    this.#byAddress.set(handshake.address, handshake);
    const { wide, network } = this.#place(handshake);
    for (const load of [wide, network]) load.handshakes++;
    this.heard(handshake);
  }

  heard(handshake: Handshake): void {
    const { wide, network } = this.#place(handshake);
    network.items.delete(handshake);
    network.items.add(handshake);
    wide.items.delete(handshake.network);
    wide.items.set(handshake.network, network);
    const name = wideNetworkOf(handshake.network);
    this.#wideNetworks.delete(name);
    this.#wideNetworks.set(name, wide);
    this.count(handshake);
  }

  /** Counts anew what a handshake keeps. */
  count(handshake: Handshake): void {
    this.#count(handshake, handshake.keptBytes);
  }

  delete(handshake: Handshake): void {
    this.#byAddress.delete(handshake.address);
    this.#count(handshake, 0);
    const { wide, network } = this.#place(handshake);
    if (network.items.delete(handshake)) for (const load of [wide, network]) load.handshakes--;
    if (network.items.size === 0) wide.items.delete(handshake.network);
    if (wide.items.size === 0) this.#wideNetworks.delete(wideNetworkOf(handshake.network));
  }

  /** How many there are of a network. */
  ofNetwork(network: string): number {
    return this.#network(network)?.handshakes ?? 0;
  }

  /** The one of a network that was heard longest ago. */
  oldest(network: string): Handshake | undefined {
    return first(this.#network(network));
  }

  /** Of the network that has the most the one that was heard longest ago: who opens many loses his own, wherever in his networks he opens them. */
  oldestOfLargest(by: keyof Load): Handshake | undefined {
    const wide = largest(this.#wideNetworks.values(), by);
    return first(wide && largest(wide.items.values(), by));
  }

  values(): Iterable<Handshake> {
    return this.#byAddress.values();
  }

  #count(handshake: Handshake, bytes: number): void {
    const { wide, network } = this.#place(handshake);
    const more = bytes - handshake.countedBytes;
    handshake.countedBytes = bytes;
    for (const load of [wide, network]) load.bytes += more;
    this.#bytes += more;
  }

  #network(name: string): Network | undefined {
    return this.#wideNetworks.get(wideNetworkOf(name))?.items.get(name);
  }

  #place({ network: name }: Handshake): { readonly wide: WideNetwork; readonly network: Network } {
    const wideName = wideNetworkOf(name);
    const wide = this.#wideNetworks.get(wideName) ?? { handshakes: 0, bytes: 0, items: new Map() };
    this.#wideNetworks.set(wideName, wide);
    const network = wide.items.get(name) ?? { handshakes: 0, bytes: 0, items: new Set() };
    wide.items.set(name, network);
    return { wide, network };
  }
}

function first(network: Network | undefined): Handshake | undefined {
  return network?.items.values().next().value;
}

/** Looked for only where handshakes are too many: there are no more networks than these. Of equals it is the one that was heard longest ago. */
function largest<T extends Load>(networks: Iterable<T>, by: keyof Load): T | undefined {
  let found: T | undefined;
  for (const network of networks) if (found === undefined || network[by] > found[by]) found = network;
  return found;
}
