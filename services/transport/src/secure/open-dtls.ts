import type { DtlsEndpoint, DtlsEndpointParts } from "@ferry/dtls-endpoint";
import type { State } from "@ferry/runtime";
import type { TransportSettings } from "../config.ts";

/** What a DTLS listener is opened with. */
export interface DtlsWiring
  extends Pick<
    DtlsEndpointParts,
    "openSocket" | "node" | "mayServe" | "askOwner" | "on" | "metrics" | "logger" | "clock" | "random"
  > {
  readonly settings: Pick<TransportSettings, "dtls" | "provisioning">;
  readonly state: State;
}

/** Opens a DTLS listener; undefined where there is to be none. */
export type OpenDtls = (wiring: DtlsWiring) => Promise<DtlsEndpoint | undefined>;

/** The listener that the settings describe. */
export const openDtlsListener: OpenDtls = async () => undefined;
