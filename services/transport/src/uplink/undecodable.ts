import { formatPath, type LwM2mPath } from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";

/** Longest payload that an `undecodable` record carries, bytes. */
const MAX_UNDECODABLE_BYTES = 1024;

/** What could not be decoded, or not be published, as its lifecycle record tells of it. */
export function undecodableRecord(
  reason: string,
  { payload, path, contentFormat }: { payload: Uint8Array; path: LwM2mPath; contentFormat: number },
): Omit<lwm2m.v1.LifecycleRecord.$Properties, "context"> {
  return {
    event: lwm2m.v1.LifecycleEvent.LIFECYCLE_EVENT_UNDECODABLE,
    reason,
    payload: payload.subarray(0, MAX_UNDECODABLE_BYTES),
    path: formatPath(path),
    contentFormat,
  };
}
