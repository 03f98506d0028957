import { deviceKey } from "@ferry/proto";
import { putNewest } from "@ferry/runtime";
import type { DeviceRef } from "@ferry/state";

/** Devices of which the last session is remembered; the one that was longest without a handshake is forgotten first. */
export const MAX_LAST_SESSIONS = 65_536;

/**
 * The session that a device was given last by this node: the next one takes its place in the store, so that a device that makes handshake after handshake fills
 * nothing. At most one a device and node is stored then; a key per device in the store would bound it further and cost each device more there than the
 * sessions that it saves.
 */
export class LastSessions {
  readonly #byDevice = new Map<string, Uint8Array>();

  /** Remembers a device's new session, and answers the one before: nobody needs that any more. */
  replace({ tenant, endpoint }: DeviceRef, id: Uint8Array): Uint8Array | undefined {
    const key = deviceKey(tenant, endpoint);
    const before = this.#byDevice.get(key);
    putNewest(this.#byDevice, key, id, MAX_LAST_SESSIONS);
    return before;
  }
}
