/** Data types of resources (OMA LwM2M Core 1.1.1 appendix C), by the names that results print. */
export type DataType =
  | "STRING"
  | "INTEGER"
  | "UNSIGNED_INTEGER"
  | "FLOAT"
  | "BOOLEAN"
  | "OPAQUE"
  | "TIME"
  | "OBJLNK"
  | "CORELINK";

/** A link to an Object Instance; 65535/65535 is the null link. */
export interface ObjectLink {
  readonly objectId: number;
  readonly objectInstanceId: number;
}

/**
 * A typed value.
 *
 * Integers are a number where that is exact (within ±2^53) and a bigint beyond, never both for one integer. INTEGER is signed, 64 bits; UNSIGNED_INTEGER 0 to 2^64-1.
 * TIME is ms since 1970 (the wire has seconds). CORELINK is link-format text (RFC 6690).
 */
export type ResourceValue =
  | { readonly type: "STRING"; readonly value: string }
  | { readonly type: "INTEGER"; readonly value: number | bigint }
  | { readonly type: "UNSIGNED_INTEGER"; readonly value: number | bigint }
  | { readonly type: "FLOAT"; readonly value: number }
  | { readonly type: "BOOLEAN"; readonly value: boolean }
  | { readonly type: "OPAQUE"; readonly value: Uint8Array }
  | { readonly type: "TIME"; readonly value: number }
  | { readonly type: "OBJLNK"; readonly value: ObjectLink }
  | { readonly type: "CORELINK"; readonly value: string };
