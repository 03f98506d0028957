import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Connect, ExchangeError, PATIENCE_MS, type Task } from "../client.ts";

const run = promisify(execFile);
/** What it says after a handshake with more than MAX_RETRANSMIT timeouts; a device begins anew then. */
const GAVE_UP = "cannot send CoAP pdu";

/** libcoap's `coap-client` on a TLS library; each exchange is a request of a new association. */
export function libcoap(program: "coap-client-gnutls" | "coap-client-openssl"): Connect {
  return async (task) => {
    const ended = new AbortController();
    return {
      async exchange(text, patienceMs = PATIENCE_MS) {
        const patience = ["-B", String(Math.ceil(patienceMs / 1000))];
        const request = ["-m", "fetch", "-e", text, ...patience, ...credentials(task)];
        const args = [...request, `coaps://127.0.0.1:${task.port}/echo`];
        const deadline = AbortSignal.any([ended.signal, AbortSignal.timeout(patienceMs)]);
        let output: string;
        do {
          const { stdout, stderr } = await run(program, args, { signal: deadline });
          output = `${stdout}${stderr}`;
        } while (output.includes(GAVE_UP) && !deadline.aborted);
        if (!output.includes(text)) throw new ExchangeError(`no "${text}": ${output}`);
      },
      async close() {
        ended.abort();
      },
    };
  };
}

function credentials({ credential, psk, own, trusted }: Task): string[] {
  switch (credential) {
    case "PSK":
      // It takes the key as text, or as hex with "0x".
      return ["-u", psk.identity, "-k", Buffer.from(psk.key).toString("latin1")];
    case "X509":
      return ["-c", own.certificate, "-j", own.privateKey, "-C", trusted.certificate];
    case "RPK":
      return ["-M", own.keyPair];
  }
}
