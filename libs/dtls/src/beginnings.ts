import type { Address } from "./association-state.ts";
import type { DtlsLimits } from "./limits.ts";
import { networkOf, wideNetworkOf } from "./network.ts";
import { NetworkRates } from "./network-rates.ts";
import { Rate } from "./rate.ts";

/** Of what may begin at once, a part that only quiet networks get: one in so many. */
const QUIET_PART = 4;

/**
 * How many handshakes may begin: of all, of a network, and of networks beside each other. Who has many networks could still use up the rate of all; so a
 * network of which few begin goes before, and finds a part left. Only ask for addresses that have shown a cookie: others cost memory.
 */
export class Beginnings {
  readonly #all: Rate;
  readonly #networks: NetworkRates;
  readonly #wideNetworks: NetworkRates;
  readonly #quietNetworks: NetworkRates;
  readonly #leftForQuiet: number;

  constructor(limits: DtlsLimits) {
    const { handshakesPerSecond, handshakeBurst, networkHandshakesPerSecond, networkHandshakeBurst } = limits;
    const { wideNetworkHandshakesPerSecond, wideNetworkHandshakeBurst } = limits;
    const { quietHandshakesPerSecond, quietHandshakeBurst } = limits;
    this.#all = new Rate({ perSecond: handshakesPerSecond, burst: handshakeBurst });
    this.#networks = new NetworkRates({ perSecond: networkHandshakesPerSecond, burst: networkHandshakeBurst });
    this.#wideNetworks = new NetworkRates({
      perSecond: wideNetworkHandshakesPerSecond,
      burst: wideNetworkHandshakeBurst,
    });
    this.#quietNetworks = new NetworkRates({ perSecond: quietHandshakesPerSecond, burst: quietHandshakeBurst });
    this.#leftForQuiet = Math.floor(handshakeBurst / QUIET_PART);
  }

  /** Whether a handshake with this address may begin; if so, it counts. */
  take(address: Address, nowMs: number): boolean {
    const network = networkOf(address);
    const wide = wideNetworkOf(network);
    if (!this.#networks.take(network, nowMs) || !this.#wideNetworks.take(wide, nowMs)) return false;
    return this.#all.take(nowMs, this.#quietNetworks.take(wide, nowMs) ? 0 : this.#leftForQuiet);
  }
}
