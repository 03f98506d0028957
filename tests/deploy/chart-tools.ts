import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { MissingToolError } from "@ferry/testing";

export const ROOT: string = join(import.meta.dirname, "../..");

/** Path of what deploy/chart-tools.sh has fetched. */
export function chartTool(name: "helm" | "compose-spec" | "kubernetes-openapi.json"): string {
  const path = join(ROOT, ".ferry/chart-tools", name);
  if (!existsSync(path)) throw new MissingToolError(name, "npm run setup:test");
  return path;
}

/** What the program prints; in `refusal` instead, when it fails. */
export interface Outcome {
  readonly output: string;
  readonly refusal?: string;
}

/** Runs a tool in the repository, without the variables of the one who runs the tests. */
export function run(tool: "helm" | "compose-spec", args: readonly string[]): Outcome {
  try {
    const env = { PATH: process.env.PATH, HOME: "/nonexistent" };
    return { output: execFileSync(chartTool(tool), args, { cwd: ROOT, env, encoding: "utf8", stdio: "pipe" }) };
  } catch (error) {
    const { stdout = "", stderr = "" } = error as { readonly stdout?: string; readonly stderr?: string };
    if (stderr === "") throw error;
    return { output: stdout, refusal: stderr };
  }
}
