import type { LwM2mNode } from "../node.ts";
import type { LwM2mPath } from "../path.ts";

/** Encodes the node that `path` names. @throws {UnencodableContentError} */
export declare function encodeContent(format: number, node: LwM2mNode, path: LwM2mPath): Uint8Array;
