/** A plain path: Object, Object Instance, Resource and Resource Instance id, 0 to 4 of them; the root has none. `/3/0/9` is `[3, 0, 9]`. */
export type LwM2mPath = readonly number[];

/** A path whose object id may carry a version: `/3_1.2/0/9`. */
export interface VersionedPath {
  readonly path: LwM2mPath;
  /** Object version such as `1.2`; undefined when the path has none. */
  readonly version: string | undefined;
}
