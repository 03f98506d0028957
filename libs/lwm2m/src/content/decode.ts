import type { ModelView } from "../model/object-model.ts";
import type { LwM2mNode, TimedValue } from "../node.ts";
import type { LwM2mPath } from "../path.ts";

/**
 * Decodes a payload into the node that `path` names; of several values of one resource it keeps the latest.
 *
 * `format` is a CoAP Content-Format. Relative SenML times become absolute by `nowMs` (ms since 1970); without it they are dropped.
 * @throws {UndecodableContentError}
 */
export declare function decodeContent(
  format: number,
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs?: number,
): LwM2mNode;
/** Decodes a payload into its values, in the order in which it lists them. @throws {UndecodableContentError} */
export declare function decodeTimedValues(
  format: number,
  payload: Uint8Array,
  path: LwM2mPath,
  models: ModelView,
  nowMs: number,
): readonly TimedValue[];
