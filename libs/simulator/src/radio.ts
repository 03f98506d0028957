/** When a device listens. What arrives while it does not is lost. */
export interface PowerSaving {
  /** How long it listens after it last sent something, ms: the awake time of queue mode (OMA LwM2M Core 1.1.1 §6.2.1.3), the active time of PSM. */
  readonly awakeMs: number;
  /** eDRX: afterwards it listens for `windowMs` at the end of each `cycleMs`. Without it the device sleeps until it sends again, as with PSM. */
  readonly paging?: { readonly cycleMs: number; readonly windowMs: number };
}

/** Awake time of queue mode when nothing else is said: MAX_TRANSMIT_WAIT of CoAP (OMA LwM2M Core 1.1.1 §6.2.1.3, RFC 7252 §4.8.2), ms. */
export const DEFAULT_AWAKE_MS = 93_000;

/** The receiver of a device that saves power. */
export class Radio {
  readonly #power: PowerSaving | undefined;
  #lastSentMs = Number.NEGATIVE_INFINITY;

  /** Without `power` it always listens. */
  constructor(power: PowerSaving | undefined) {
    this.#power = power;
  }

  sent(nowMs: number): void {
    this.#lastSentMs = nowMs;
  }

  /** Whether a datagram that arrives now is heard. */
  listens(nowMs: number): boolean {
    if (this.#power === undefined) return true;
    const { awakeMs, paging } = this.#power;
    const asleepForMs = nowMs - this.#lastSentMs - awakeMs;
    if (asleepForMs < 0) return true;
    if (paging === undefined || !Number.isFinite(asleepForMs)) return false;
    return asleepForMs % paging.cycleMs >= paging.cycleMs - paging.windowMs;
  }
}
