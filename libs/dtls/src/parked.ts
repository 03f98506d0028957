import type { Address } from "./association-state.ts";
import type { WireRecord } from "./record.ts";

/** A record, where it came from and in which datagram. */
export interface Arrival {
  readonly record: WireRecord;
  readonly address: Address;
  /** Datagrams are numbered as they come. */
  readonly datagram: number;
}

/** Records that came before they could be used. */
export class Parked {
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  #arrivals: Arrival[] = [];
  #bytes = 0;

  constructor({ maxRecords, maxBytes }: { readonly maxRecords: number; readonly maxBytes: number }) {
    this.#maxRecords = maxRecords;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps a copy, so that it does not hold the whole datagram; false when there is no room. (`slice` of a Buffer does not copy.) */
  add(arrival: Arrival): boolean {
    const { header, fragment, cid } = arrival.record;
    const bytes = header.length + fragment.length;
    if (this.#arrivals.length >= this.#maxRecords || this.#bytes + bytes > this.#maxBytes) return false;
    const record = {
      ...arrival.record,
      header: Uint8Array.from(header),
      fragment: Uint8Array.from(fragment),
      cid: cid === undefined ? undefined : Uint8Array.from(cid),
    };
    this.#arrivals.push({ ...arrival, record });
    this.#bytes += bytes;
    return true;
  }

  /** What there is, in the order in which it came, without taking it out. */
  get arrivals(): readonly Arrival[] {
    return this.#arrivals;
  }

  /** Takes everything out. */
  takeAll(): Arrival[] {
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    this.#bytes = 0;
    return arrivals;
  }
}
