import type { Connect, SuiteName, Task } from "../client.ts";
import { LineClient } from "./line-client.ts";

const CIPHERS: Readonly<Record<SuiteName, string>> = {
  TLS_PSK_WITH_AES_128_GCM_SHA256: "+PSK:+AES-128-GCM:+AEAD",
  TLS_PSK_WITH_AES_128_CBC_SHA256: "+PSK:+AES-128-CBC:+SHA256",
  TLS_PSK_WITH_AES_128_CCM_8: "+PSK:+AES-128-CCM-8:+AEAD",
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "+ECDHE-ECDSA:+AES-128-GCM:+AEAD",
  TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8: "+ECDHE-ECDSA:+AES-128-CCM-8:+AEAD",
};
/** Without the last two it lists X.509 first. */
const RAW_KEYS = "+CTYPE-SRV-RAWPK:+CTYPE-CLI-RAWPK:-CTYPE-CLI-X509:-CTYPE-SRV-X509";

/** `gnutls-cli`. */
export const gnutls: Connect = async (task) => new LineClient("gnutls-cli", arguments_(task));

function arguments_({ port, suite, credential, psk, own, trusted, maxDatagramBytes, resumes }: Task): string[] {
  const priority = `NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:-CIPHER-ALL:-MAC-ALL:${CIPHERS[suite]}`;
  return [
    ...["--udp", "--port", String(port), "--disable-sni", "--verify-hostname", "localhost", "127.0.0.1"],
    ...["--priority", credential === "RPK" ? `${priority}:${RAW_KEYS}` : priority],
    ...credentials(),
    ...(maxDatagramBytes === undefined ? [] : ["--mtu", String(maxDatagramBytes)]),
    ...(resumes === true ? ["--resume", "--noticket"] : []),
  ];

  function credentials(): string[] {
    switch (credential) {
      case "PSK":
        return ["--pskusername", psk.identity, "--pskkey", Buffer.from(psk.key).toString("hex")];
      case "X509":
        return [
          "--x509certfile",
          own.certificate,
          "--x509keyfile",
          own.privateKey,
          "--x509cafile",
          trusted.certificate,
        ];
      case "RPK":
        // It trusts any raw public key, or none.
        return ["--rawpkkeyfile", own.privateKey, "--rawpkfile", own.publicKey, "--no-ca-verification"];
    }
  }
}
