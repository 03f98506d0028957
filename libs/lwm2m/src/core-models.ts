import { readdirSync, readFileSync } from "node:fs";
import { parseDdf } from "./model/ddf.ts";
import type { ObjectModel } from "./model/object-model.ts";

const MODELS_FOLDER = new URL("../models/", import.meta.url);

/** Reads the object definitions that ship with Ferry: objects 0 to 7, 9, 19 and common IPSO sensors, each in the versions that devices register. */
export function loadCoreModels(): readonly ObjectModel[] {
  return readdirSync(MODELS_FOLDER)
    .filter((name) => name.endsWith(".xml"))
    .flatMap((name) => parseDdf(readFileSync(new URL(name, MODELS_FOLDER), "utf8")));
}
