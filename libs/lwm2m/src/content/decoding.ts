import { UndecodableContentError } from "../errors.ts";
import type { ModelView } from "../model/object-model.ts";
import type { LwM2mPath } from "../path.ts";

/** What the decoding of one payload depends on, and what it finds besides values. */
export interface Decoding {
  /** What the payload is of; the root `[]` for Send. */
  readonly path: LwM2mPath;
  readonly models: ModelView;
  /** Makes relative times absolute, ms since 1970; without it they are dropped. */
  readonly nowMs: number | undefined;
  /** Segments of the device's alternate root path, which names in SenML may repeat (OMA LwM2M Transport 1.1.1 §6.4.1). */
  readonly rootPath: readonly string[];
  /** Gets the paths of Object Instances and multiple-instance resources that are there without values. */
  readonly empties: LwM2mPath[];
  /** Is told of a value that cannot be decoded; when it returns, the others are still decoded. */
  readonly onFault: (text: string) => void;
}

/** For payloads that are good only as a whole. @throws {UndecodableContentError} */
export function refuse(text: string): never {
  throw new UndecodableContentError(text);
}

/** Calls `decode`; what is wrong with its content goes to `onFault`, after `what`. */
export function keepingOthers(onFault: Decoding["onFault"], what: string, decode: () => void): void {
  try {
    decode();
  } catch (error) {
    if (!(error instanceof UndecodableContentError)) throw error;
    onFault(what + error.message);
  }
}
