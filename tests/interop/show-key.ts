import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { ProcessStartError } from "@ferry/testing";
import type { ServiceProcess } from "../e2e/system.ts";

/** A pre-shared key, in hex, and its identity. */
export interface Psk {
  readonly identity: string;
  readonly key: string;
}

/** How often a transport is asked whether it has refused. */
const POLL_MS = 50;
/** Handshakes that failed for want of an identity. */
const REFUSED = 'lwm2m_dtls_handshake_failures_total{reason="unknownIdentity"}';

/**
 * Shows a key to a transport by OpenSSL's client, and leaves at once when it is let in; whether it was. Refused means that the transport knows no such identity:
 * it says so to nobody but its metrics, after `LWM2M_DTLS_WRONG_KEY_TIMEOUT`. One at a time.
 *
 * @throws {ProcessStartError} the client does not run
 */
export async function isKeyAccepted(transport: ServiceProcess, { identity, key }: Psk): Promise<boolean> {
  const refused = await transport.metric(REFUSED);
  const client = spawn("openssl", [
    ...["s_client", "-dtls1_2", "-connect", `127.0.0.1:${transport.dtlsPort}`],
    // CCM with a short tag is below the security level that is usual on the web.
    ...["-cipher", "PSK-AES128-CCM8@SECLEVEL=0", "-psk_identity", identity, "-psk", key],
  ]);
  let stderr = "";
  client.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  client.stdout.resume();
  client.stdin.end("Q\n"); // Quits, and is not read before the handshake is done.
  const ended = once(client, "exit").then(([code]) => {
    if (code === 0) return true;
    throw new ProcessStartError(`openssl s_client ends with ${code}: ${stderr}`);
  });
  const done = new AbortController();
  const counted = isCounted(transport, refused, done.signal).then(() => false);
  try {
    return await Promise.race([ended, counted]);
  } finally {
    done.abort();
    for (const late of [ended, counted]) late.catch(() => {}); // Neither is waited for any more.
    client.kill("SIGKILL");
  }
}

async function isCounted(transport: ServiceProcess, before: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await transport.metric(REFUSED)) === before) await sleep(POLL_MS);
}
