import { join } from "node:path";
import type { Connect } from "../client.ts";
import { LineClient } from "./line-client.ts";

/** node-dtls-client, in a process of its own. */
export const nodeDtlsClient: Connect = async ({ port, psk, suite }) => {
  const script = join(import.meta.dirname, "node-dtls-client-program.ts");
  const key = Buffer.from(psk.key).toString("latin1");
  return new LineClient(process.execPath, [script, String(port), psk.identity, key, suite]);
};
