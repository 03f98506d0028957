import type { Answer, Principal } from "@ferry/dtls";
import type { RateLimit } from "@ferry/profile";
import { type BucketState, takeToken, takeTokens } from "@ferry/state";
import type { DeviceCredentials } from "./device-credentials.ts";
import type { DtlsMetrics } from "./metrics.ts";

/**
 * Certificates that are nobody's, bounded: each is looked for by its names and all issuers in its chain, and costs whoever made it nothing. One that is a device's
 * does not count. Beyond the limit the answer is that the store is away: a device tries again.
 */
export class LimitedCredentials implements DeviceCredentials {
  readonly #credentials: DeviceCredentials;
  readonly #limit: RateLimit;
  readonly #monotonicMs: () => number;
  readonly #metrics: Pick<DtlsMetrics, "dtlsLookups">;
  readonly #bucket: BucketState = [];

  constructor(
    credentials: DeviceCredentials,
    limit: RateLimit,
    monotonicMs: () => number,
    metrics: Pick<DtlsMetrics, "dtlsLookups">,
  ) {
    this.#credentials = credentials;
    this.#limit = limit;
    this.#monotonicMs = monotonicMs;
    this.#metrics = metrics;
  }

  psk(identity: Uint8Array): Promise<Answer> {
    return this.#credentials.psk(identity);
  }

  rawPublicKey(publicKey: Uint8Array): Promise<Answer> {
    return this.#credentials.rawPublicKey(publicKey);
  }

  async certificate(chain: readonly Uint8Array[]): Promise<Answer> {
    if (takeToken(this.#limit, this.#bucket, this.#monotonicMs()) > 0) {
      this.#metrics.dtlsLookups.with({ outcome: "limited" }).inc();
      return { type: "unavailable" };
    }
    const answer = await this.#credentials.certificate(chain);
    if (answer.type === "principal") takeTokens(this.#limit, this.#bucket, -1, this.#monotonicMs());
    return answer;
  }

  isCurrent(principal: Principal): Promise<boolean> {
    return this.#credentials.isCurrent(principal);
  }
}
