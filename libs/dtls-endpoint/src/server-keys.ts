import type { X509Certificate } from "node:crypto";
import type { ServerIdentity } from "@ferry/dtls";

/** The server's keys and whom it trusts, as the folder has them now. */
export interface ServerKeys extends ServerIdentity {
  /** Certificates of CAs that may sign certificates of devices of any tenant's declaration. */
  readonly trustAnchors: readonly X509Certificate[];
  stop(): void;
}
