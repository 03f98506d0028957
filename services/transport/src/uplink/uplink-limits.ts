import type { DeviceProfile, RateLimit } from "@ferry/profile";
import { type BucketState, type DeviceRef, fullBuckets, type Sender, takeToken, takeTokens } from "@ferry/state";
import type { TransportMetrics } from "../metrics.ts";
import { provenDevice } from "../source.ts";
import type { TenantBudgets } from "./tenant-budgets.ts";

/** Whose uplinks are counted: a device that is owned, or seen in passing. */
export interface Metered {
  readonly tenant: string;
  readonly serving: { readonly profile: Pick<DeviceProfile, "limits"> };
  /** Undefined until a limit counts it. */
  uplinks: BucketState | undefined;
}

/** Devices of other nodes whose uplinks are remembered; the oldest is forgotten first. */
const MAX_VISITORS = 10_000;

/** How much comes in: Register, Update, Send and notifications of each device and each tenant, and datagrams of strangers that ask Redis something. */
export class UplinkLimits {
  readonly #device: RateLimit;
  readonly #lookups: RateLimit;
  readonly #lookupState: BucketState = [];
  readonly #visitors = new Map<string, BucketState>();
  readonly #tenants: TenantBudgets;
  readonly #metrics: TransportMetrics;

  constructor(parts: {
    /** Of a device whose profile has no limit. */
    readonly device: RateLimit;
    /** Of this node. */
    readonly lookups: RateLimit;
    readonly tenants: TenantBudgets;
    readonly metrics: TransportMetrics;
  }) {
    this.#device = parts.device;
    this.#lookups = parts.lookups;
    this.#tenants = parts.tenants;
    this.#metrics = parts.metrics;
  }

  /**
   * Counts an uplink; 0 when it may pass, else how long until the next may, ms.
   *
   * The device comes first: one that sends too much must not use up what its tenant has for the others.
   */
  admit(device: Metered, nowMs: number): number {
    const limit = device.serving.profile.limits.uplinksPerDevice ?? this.#device;
    if (limit.length > 0) {
      device.uplinks ??= fullBuckets(limit);
      const waitMs = takeToken(limit, device.uplinks, nowMs);
      if (waitMs > 0) {
        this.#metrics.limited.with({ limit: "device" }).inc();
        return waitMs;
      }
    }
    return this.admitTenant(device.tenant, nowMs);
  }

  /** Counts an uplink of a device that this node has not served before; as {@link admit}. */
  admitTenant(tenant: string, nowMs: number): number {
    const waitMs = this.#tenants.take(tenant, nowMs);
    if (waitMs > 0) this.#metrics.limited.with({ limit: "tenant" }).inc();
    return waitMs;
  }

  /** What was counted of a device that another node owns, by any name of it. */
  visitor(name: string): BucketState {
    const known = this.#visitors.get(name);
    if (known !== undefined) return known;
    if (this.#visitors.size >= MAX_VISITORS) {
      for (const [oldest] of this.#visitors) {
        this.#visitors.delete(oldest);
        break;
      }
    }
    const made = fullBuckets(this.#device);
    this.#visitors.set(name, made);
    return made;
  }

  /**
   * Whether a datagram may cost a look-up in Redis, whose sender this node does not serve. Who has proved who it is is counted by itself; strangers are counted
   * together, and one who is found costs nothing: {@link found}.
   */
  mayLookUp(sender: Sender, nowMs: number): boolean {
    const proven = provenDevice(sender);
    if (proven !== undefined) return this.#mayAsk(proven, nowMs);
    const passes = takeToken(this.#lookups, this.#lookupState, nowMs) === 0;
    if (!passes) this.#metrics.limited.with({ limit: "lookup" }).inc();
    return passes;
  }

  #mayAsk({ tenant, endpoint }: DeviceRef, nowMs: number): boolean {
    if (this.#device.length === 0) return true;
    const passes = takeToken(this.#device, this.visitor(`${tenant}/${endpoint}`), nowMs) === 0;
    if (!passes) this.#metrics.limited.with({ limit: "device" }).inc();
    return passes;
  }

  /** The look-up found a device: a fleet that comes from a dead node is not held back by what strangers may do. */
  found(sender: Sender, nowMs: number): void {
    if (provenDevice(sender) === undefined) takeTokens(this.#lookups, this.#lookupState, -1, nowMs);
  }
}
