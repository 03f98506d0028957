import { existsSync } from "node:fs";
import { join } from "node:path";
import { MissingToolError } from "@ferry/testing";
import { type Connect, SUITES, type SuiteName } from "../client.ts";
import { LineClient } from "./line-client.ts";
import { openssl } from "./openssl.ts";

const BUILT = join(import.meta.dirname, "../../../../.ferry/dtls-nightly");

const WOLFSSL_SUITES: Readonly<Record<SuiteName, string>> = {
  TLS_PSK_WITH_AES_128_GCM_SHA256: "PSK-AES128-GCM-SHA256",
  TLS_PSK_WITH_AES_128_CBC_SHA256: "PSK-AES128-CBC-SHA256",
  TLS_PSK_WITH_AES_128_CCM_8: "PSK-AES128-CCM-8",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDHE-ECDSA-AES128-GCM-SHA256",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: "ECDHE-ECDSA-AES128-CCM-8",
};

/** `openssl s_client` of OpenSSL 4. */
export const openssl4: Connect = openssl(join(BUILT, "openssl/apps/openssl"));

/** A program of ours on pion: see ../nightly/pion. */
export const pion: Connect = async (task) => {
  const { port, suite, credential, psk, own, trusted, cidBytes, maxDatagramBytes, resumes } = task;
  return new LineClient(built("pion"), [
    ...["-port", String(port), "-suite", String(SUITES[suite]), "-cid", String(cidBytes ?? -1)],
    ...(maxDatagramBytes === undefined ? [] : ["-mtu", String(maxDatagramBytes)]),
    ...(resumes === true ? ["-resumes"] : []),
    ...(credential === "PSK"
      ? ["-identity", psk.identity, "-key", Buffer.from(psk.key).toString("hex")]
      : ["-certificate", own.certificate, "-private-key", own.privateKey, "-trusted", trusted.certificate]),
  ]);
};

/** A program of ours on wolfSSL: see ../nightly/wolfssl. */
export const wolfssl: Connect = async (task) => {
  const { port, suite, credential, psk, own, trusted, cidBytes, maxDatagramBytes, resumes } = task;
  return new LineClient(built("wolfssl"), [
    ...[port, WOLFSSL_SUITES[suite], cidBytes ?? -1, maxDatagramBytes ?? 0, resumes === true ? 1 : 0].map(String),
    ...[credential, ...credentials()],
  ]);

  function credentials(): string[] {
    switch (credential) {
      case "PSK":
        return [psk.identity, Buffer.from(psk.key).toString("hex")];
      case "X509":
        return [own.certificate, own.privateKey, trusted.certificate];
      case "RPK":
        return [own.publicKeyDer, own.privateKey];
    }
  }
};

function built(program: string): string {
  const path = join(BUILT, program);
  if (!existsSync(path)) throw new MissingToolError(program, "npm run test:nightly builds it");
  return path;
}
