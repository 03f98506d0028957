import type { IncomingRequest } from "@ferry/runtime";
import type { Source } from "../source.ts";

/** A request of a device, with where it came from. */
export interface UplinkRequest extends IncomingRequest {
  readonly source: Source;
}
