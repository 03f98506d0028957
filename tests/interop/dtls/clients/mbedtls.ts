import { existsSync } from "node:fs";
import { join } from "node:path";
import { MissingToolError } from "@ferry/testing";
import { type Connect, SUITES } from "../client.ts";
import { LineClient } from "./line-client.ts";

const BUILT = join(import.meta.dirname, "../../../../.ferry/mbedtls");

/** A program of ours on Mbed TLS: see tests/interop/mbedtls/client.c. */
export const mbedtls: Connect = async (task) => {
  if (!existsSync(`${BUILT}/.built`)) throw new MissingToolError("the client on Mbed TLS", "npm run setup:test");
  const { port, suite, credential, psk, own, trusted, cidBytes, maxDatagramBytes, resumes } = task;
  return new LineClient(`${BUILT}/client`, [
    ...[port, SUITES[suite], cidBytes ?? -1, maxDatagramBytes ?? 0, resumes === true ? 1 : 0].map(String),
    ...(credential === "PSK"
      ? [psk.identity, Buffer.from(psk.key).toString("hex")]
      : [own.certificate, own.privateKey, trusted.certificate]),
  ]);
};
