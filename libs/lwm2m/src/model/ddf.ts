import type { ObjectModel } from "./object-model.ts";

/** Parses a DDF document. @throws {InvalidModelError} */
export declare function parseDdf(xml: string): readonly ObjectModel[];
