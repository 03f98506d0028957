import { hash } from "node:crypto";

/** SHA-256 as a text of 32 characters, one a byte: the Buffer that Node would make of it takes longer than the hash. */
export function sha256Characters(data: Uint8Array | string): string {
  return hash("sha256", data, "binary");
}
