import type { Address } from "./association-state.ts";
import type { Handshake } from "./handshake.ts";
import { Recency } from "./recency.ts";

/** The handshakes that have not ended, by address, with what limits them. */
export class HandshakeTable {
  readonly #byAddress = new Map<Address, Handshake>();
  /** Of each network, in the order in which they were heard. */
  readonly #byNetwork = new Map<string, Set<Handshake>>();
  readonly #recency = new Recency<Handshake>();
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
    this.heard(handshake);
  }

  heard(handshake: Handshake): void {
    this.#recency.touch(handshake);
    const network = this.#byNetwork.get(handshake.network) ?? new Set();
    this.#byNetwork.set(handshake.network, network);
    network.delete(handshake);
    network.add(handshake);
    this.count(handshake);
  }

  /** Counts anew what a handshake keeps. */
  count(handshake: Handshake): void {
    this.#bytes += handshake.keptBytes - handshake.countedBytes;
    handshake.countedBytes = handshake.keptBytes;
  }

  delete(handshake: Handshake): void {
    this.#byAddress.delete(handshake.address);
    this.#recency.delete(handshake);
    const network = this.#byNetwork.get(handshake.network);
    network?.delete(handshake);
    if (network?.size === 0) this.#byNetwork.delete(handshake.network);
    this.#bytes -= handshake.countedBytes;
    handshake.countedBytes = 0;
  }

  /** How many there are of a network. */
  ofNetwork(network: string): number {
    return this.#byNetwork.get(network)?.size ?? 0;
  }

  /** The one that was heard longest ago, of all or of a network. */
  oldest(network?: string): Handshake | undefined {
    if (network === undefined) return this.#recency.oldest;
    return this.#byNetwork.get(network)?.values().next().value;
  }

  values(): Iterable<Handshake> {
    return this.#byAddress.values();
  }
}
