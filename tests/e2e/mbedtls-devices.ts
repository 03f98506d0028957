import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { MissingToolError } from "@ferry/testing";

const PROGRAM = join(import.meta.dirname, "../../.ferry/mbedtls/devices");

/** What a device on Mbed TLS tells; `value` is the number that was notified, or the reason. */
export interface MbedtlsEvent {
  readonly event:
    | "handshake"
    | "handshakeFailed"
    | "associationEnded"
    | "registered"
    | "refused"
    | "unanswered"
    | "observed"
    | "notified"
    | "acknowledged"
    | "undelivered"
    | "reset";
  readonly endpoint: string;
  readonly value: number;
}

/** LwM2M devices on Mbed TLS in a process of their own: see tests/interop/mbedtls/devices.c. */
export interface MbedtlsDevices {
  stop(): Promise<void>;
}

/** How many there are, and how they are secured and notify. */
export interface MbedtlsOptions {
  readonly port: number;
  readonly count: number;
  /** Endpoint names, and PSK identities, are this followed by 0, 1, 2 … */
  readonly name: string;
  /** In hex. */
  readonly key: string;
  /** Length of the Connection ID in records to the devices. */
  readonly cidBytes: number;
  readonly intervalMs: number;
  readonly onEvent: (event: MbedtlsEvent) => void;
}

/** @throws {MissingToolError} the program is not built */
export async function startMbedtlsDevices(options: MbedtlsOptions): Promise<MbedtlsDevices> {
  if (!existsSync(PROGRAM)) throw new MissingToolError("devices on Mbed TLS", "npm run setup:test");
  const { port, count, name, key, cidBytes, intervalMs, onEvent } = options;
  const child = spawn(PROGRAM, [port, count, name, key, cidBytes, intervalMs].map(String), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  createInterface({ input: child.stdout }).on("line", (line) => onEvent(JSON.parse(line) as MbedtlsEvent));
  return {
    async stop() {
      child.stdin.end(); // It ends with its input.
      await ended;
    },
  };
}
