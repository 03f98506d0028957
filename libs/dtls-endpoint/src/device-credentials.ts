import type { Answer, Principal } from "@ferry/dtls";

/** Who holds a credential: answers the questions of the DTLS machine. Each rejects with `StateUnavailableError` when the store cannot be reached in time. */
export interface DeviceCredentials {
  /** By PSK identity: the peer's bytes. */
  psk(identity: Uint8Array): Promise<Answer>;
  /** By SubjectPublicKeyInfo, DER. */
  rawPublicKey(publicKey: Uint8Array): Promise<Answer>;
  /** By certificate chain, the device's own first, DER. */
  certificate(chain: readonly Uint8Array[]): Promise<Answer>;
  /** Whether the credential that made this principal is still in force. */
  isCurrent(principal: Principal): Promise<boolean>;
}
