import type { Answer, Principal } from "@ferry/dtls";
import { StateUnavailableError } from "@ferry/state";
import type { DeviceCredentials } from "./device-credentials.ts";

/**
 * Credentials by a store that may be emptied or rolled back: what it has it is believed, but that a credential is nobody's, or not in force any more, says
 * nothing until the store is restored. The answer is then that it is away, for a device would give up, and its association would be ended, for good.
 */
export class RestoredCredentials implements DeviceCredentials {
  readonly #credentials: DeviceCredentials;
  readonly #isRestored: () => Promise<boolean>;

  /** `isRestored`: whether the store has all that Kafka knows of its former life; rejects with `StateUnavailableError`. */
  constructor(credentials: DeviceCredentials, isRestored: () => Promise<boolean>) {
    this.#credentials = credentials;
    this.#isRestored = isRestored;
  }

  async psk(identity: Uint8Array): Promise<Answer> {
    return this.#believed(await this.#credentials.psk(identity));
  }

  async rawPublicKey(publicKey: Uint8Array): Promise<Answer> {
    return this.#believed(await this.#credentials.rawPublicKey(publicKey));
  }

  async certificate(chain: readonly Uint8Array[]): Promise<Answer> {
    return this.#believed(await this.#credentials.certificate(chain));
  }

  async isCurrent(principal: Principal): Promise<boolean> {
    const isCurrent = await this.#credentials.isCurrent(principal);
    if (!isCurrent) await this.#requireRestored();
    return isCurrent;
  }

  async #believed(answer: Answer): Promise<Answer> {
    if (answer.type === "none" || answer.type === "refused") await this.#requireRestored();
    return answer;
  }

  async #requireRestored(): Promise<void> {
    if (!(await this.#isRestored()))
      throw new StateUnavailableError("Redis was emptied or rolled back, and is not restored yet");
  }
}
