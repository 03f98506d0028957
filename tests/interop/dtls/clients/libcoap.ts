import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Connect, ExchangeError, PATIENCE_MS, type Task } from "../client.ts";

const run = promisify(execFile);

/** libcoap's `coap-client` on a TLS library; each exchange is a request of a new association. */
export function libcoap(program: "coap-client-gnutls" | "coap-client-openssl"): Connect {
  return async (task) => {
    const ended = new AbortController();
    return {
      async exchange(text, patienceMs = PATIENCE_MS) {
        const patience = ["-B", String(Math.ceil(patienceMs / 1000))];
        const request = ["-m", "fetch", "-e", text, ...patience, ...credentials(task)];
        const { stdout, stderr } = await run(program, [...request, `coaps://127.0.0.1:${task.port}/echo`], {
          signal: ended.signal,
        });
        if (!stdout.includes(text)) throw new ExchangeError(`no "${text}": ${stdout}${stderr}`);
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
