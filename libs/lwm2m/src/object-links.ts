import type { LwM2mPath } from "./path.ts";

/** An Object that a device registered. */
export interface SupportedObject {
  /** `ver` of its link, else the default of the device's LwM2M version. */
  readonly version: string;
  /** Ids in ascending order; empty when the device named none. */
  readonly instances: readonly number[];
}

/** What a device's link list says (OMA LwM2M Core 1.1.1 §6.2.1). */
export interface SupportedObjects {
  readonly lwm2mVersion: string;
  /** Segments of the alternate path of the root; empty for `/`. */
  readonly rootPath: readonly string[];
  /** `ct` of the root link; empty when it has none. */
  readonly contentFormats: readonly number[];
  /** By object id, ascending. */
  readonly objects: ReadonlyMap<number, SupportedObject>;
}

/** @throws {ObjectLinksError} */
export declare function parseObjectLinks(links: string, lwm2mVersion: string): SupportedObjects;
/** Whether the device registered the Object, and, for a longer path, the Object Instance. */
export declare function supportsPath(supported: SupportedObjects, path: LwM2mPath): boolean;
