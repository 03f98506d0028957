import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connect, Connection, SuiteName, Task } from "../client.ts";
import { LineClient } from "./line-client.ts";

const CIPHERS: Readonly<Record<SuiteName, string>> = {
  TLS_PSK_WITH_AES_128_GCM_SHA256: "PSK-AES128-GCM-SHA256",
  TLS_PSK_WITH_AES_128_CBC_SHA256: "PSK-AES128-CBC-SHA256",
  TLS_PSK_WITH_AES_128_CCM_8: "PSK-AES128-CCM8",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: "ECDHE-ECDSA-AES128-CCM8",
};

/** `openssl s_client`. */
export function openssl(program = "openssl"): Connect {
  return async (task) => {
    const args = arguments_(task);
    if (task.resumes !== true) return new LineClient(program, args);
    return resumed(program, args);
  };
}

function arguments_({ port, suite, credential, psk, own, trusted, maxDatagramBytes }: Task): string[] {
  return [
    ...["s_client", "-dtls1_2", "-quiet", "-connect", `127.0.0.1:${port}`],
    // CCM with a short tag is below the security level that is usual on the web.
    ...["-cipher", `${CIPHERS[suite]}@SECLEVEL=0`],
    ...credentials(),
    ...(maxDatagramBytes === undefined ? [] : ["-mtu", String(maxDatagramBytes)]),
  ];

  function credentials(): string[] {
    switch (credential) {
      case "PSK":
        return ["-psk_identity", psk.identity, "-psk", Buffer.from(psk.key).toString("hex")];
      case "X509":
        return [
          "-cert",
          own.certificate,
          "-key",
          own.privateKey,
          "-CAfile",
          trusted.certificate,
          "-verify_return_error",
        ];
      case "RPK":
        // From 3.2 on. The program has no way to name the key that it trusts.
        return ["-enable_server_rpk", "-enable_client_rpk", "-cert", own.certificate, "-key", own.privateKey];
    }
  }
}

/** The session of one connection, in a file, for the next. */
async function resumed(program: string, args: readonly string[]): Promise<Connection> {
  const directory = await mkdtemp(join(tmpdir(), "ferry-openssl-"));
  const file = join(directory, "session");
  const first = new LineClient(program, [...args, "-no_ticket", "-sess_out", file]);
  await first.exchange("first session");
  await first.close();
  const second = new LineClient(program, [...args, "-no_ticket", "-sess_in", file]);
  return {
    exchange: (text, patienceMs) => second.exchange(text, patienceMs),
    async close() {
      await second.close();
      await rm(directory, { recursive: true });
    },
  };
}
