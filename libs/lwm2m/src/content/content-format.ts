import type { ModelView } from "../model/object-model.ts";
import type { SupportedObjects } from "../object-links.ts";
import type { LwM2mPath } from "../path.ts";

export interface ContentFormat {
  /** CoAP Content-Format number. */
  readonly id: number;
  readonly name: string;
  /** What a payload of it can hold. */
  readonly carries: "value" | "nodes" | "links";
}
export declare const CONTENT_FORMATS: readonly ContentFormat[];
/** What the choice depends on: `SupportedObjects` has it. */
export type FormatSupport = Pick<SupportedObjects, "lwm2mVersion" | "contentFormats">;
/** Formats for the node at `path`, best first, never empty: the second is for a retry after 4.06 or 4.15. */
export declare function preferredFormats(path: LwM2mPath, models: ModelView, support: FormatSupport): readonly number[];
/** The first of {@link preferredFormats}. */
export declare function chooseFormat(path: LwM2mPath, models: ModelView, support: FormatSupport): number;
