import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { MissingToolError } from "@ferry/testing";
import { CONFIGURATIONS, type Configuration } from "./model-server.ts";

export const NAMES = Object.keys(CONFIGURATIONS) as Configuration[];

const ROOT = join(import.meta.dirname, "../..");
const PYTHON = join(ROOT, ".ferry/aalpy/bin/python");
/** What was learned goes here, to be committed when it was meant. */
const DIRECTORY = join(ROOT, ".ferry/model");

function committedFile(name: Configuration): string {
  return join(import.meta.dirname, `${name}.dot`);
}

/** The model that is in the repository, as Graphviz text. */
export function committed(name: Configuration): string {
  return readFileSync(committedFile(name), "utf8");
}

/**
 * Learns a model anew. The committed one only tells where to look first: each state is there because the server showed it, and each step is doubted, with
 * `walks` random walks from each state beside what is asked always.
 */
export async function learn(name: Configuration, walks: number): Promise<string> {
  if (!existsSync(PYTHON)) throw new MissingToolError("aalpy", "npm run setup:test");
  mkdirSync(DIRECTORY, { recursive: true });
  const file = join(DIRECTORY, `${name}.dot`);
  const system = [process.execPath, "--disable-warning=ExperimentalWarning", "system-under-learning.ts", name];
  await promisify(execFile)(PYTHON, ["learn.py", file, committedFile(name), String(walks), ...system], {
    cwd: import.meta.dirname,
  });
  return readFileSync(file, "utf8");
}
