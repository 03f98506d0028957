import { existsSync } from "node:fs";
import { join } from "node:path";
import { MissingToolError } from "@ferry/testing";
import type { Connect } from "../client.ts";
import { LineClient } from "./line-client.ts";

const ENVIRONMENT = join(import.meta.dirname, "../../../../.ferry/aiocoap");

/** aiocoap on tinydtls. */
export const aiocoap: Connect = async ({ port, psk }) => {
  if (!existsSync(`${ENVIRONMENT}/.built`)) throw new MissingToolError("aiocoap", "npm run setup:test");
  const script = join(import.meta.dirname, "tinydtls.py");
  const args = [String(port), psk.identity, Buffer.from(psk.key).toString("hex")];
  return new LineClient(`${ENVIRONMENT}/bin/python`, [script, ...args]);
};
