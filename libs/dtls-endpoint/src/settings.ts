import { parseRateLimit, RATE_LIMIT_FORM } from "@ferry/profile";
import {
  bytes,
  choice,
  duration,
  flag,
  integer,
  list,
  path,
  port,
  type Section,
  secret,
  section,
  text,
} from "@ferry/runtime";

/** The DTLS listener. */
export interface DtlsSettings {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly reusePort: boolean;
  readonly receiveBufferBytes: number;
  readonly keys?: string | undefined;
  readonly suites: readonly string[];
  readonly cidLength: number;
  readonly extendedMasterSecret: "prefer" | "require";
  readonly nonce: "stamped" | "sequence";
  readonly mtu: number;
  readonly maxAssociations: number;
  readonly maxHandshakes: number;
  readonly wrongKeyTimeoutMs: number;
  readonly computeInPoolAbove: number;
  readonly idleMs: number;
  readonly lifetimeMs: number;
  readonly sessionLifetimeMs: number;
  readonly lookups: string;
  readonly sealingKey?: string | undefined;
}

/**
 * Cipher suites by their IANA names; the first four unless told otherwise. A client that offers both kinds has a key that is shared, for without one it cannot
 * offer PSK; whether it has a certificate too, its hello does not say, and it would be asked for it in vain.
 */
export const SUITE_NAMES = [
  "TLS_PSK_WITH_AES_128_CCM_8",
  "TLS_PSK_WITH_AES_128_GCM_SHA256",
  "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
  "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
  "TLS_PSK_WITH_AES_128_CBC_SHA256",
] as const;

const OPTIONAL_SUITE = "TLS_PSK_WITH_AES_128_CBC_SHA256";

/** The settings of a DTLS listener, under a prefix of its own: one process can have several. */
export function dtlsSettings(envPrefix: string, defaultPort: number): Section<DtlsSettings> {
  return section<DtlsSettings>(
    envPrefix,
    {
      enabled: flag(true).describe("Whether there is a DTLS listener."),
      host: text("::").describe("Address of the DTLS listener; `::` is all, IPv4 and IPv6."),
      port: port(defaultPort).describe("UDP port of the DTLS listener."),
      reusePort: flag(false).describe(
        "Share the port with other processes of this machine; the kernel keeps an address on one of them.",
      ),
      receiveBufferBytes: bytes("4MiB").describe(
        "Receive buffer asked of the kernel; its default overflows on a pause of 30 ms.",
      ),
      keys: path()
        .optional()
        .describe(
          "Folder of the server's keys and of whom it trusts, read anew when it changes: `rpk.key`, `server.key` and `server.crt`, `server-<host name>.key` and `.crt`, `trust*.crt`, `*.crl`. `ferry keys generate server` makes them. Without it only devices with a PSK can connect.",
        ),
      suites: list(SUITE_NAMES.filter((name) => name !== OPTIONAL_SUITE)).describe(
        `Cipher suites, the most wanted first. ${OPTIONAL_SUITE} is possible too: protection of its padding against timing is best effort.`,
      ),
      cidLength: integer(8, { min: 0, max: 12 }).describe(
        "Bytes of the Connection IDs that we ask devices to use (RFC 9146), 8 to 12, the same on all nodes; 0 for none. With one, a device whose address changes goes on without a handshake.",
      ),
      extendedMasterSecret: choice(["prefer", "require"], "prefer").describe(
        "Whether devices without extended master secret (RFC 7627) are served; they never resume sessions.",
      ),
      nonce: choice(["stamped", "sequence"], "stamped").describe(
        "Explicit nonce of the records that we send. `stamped` never repeats, even if Redis loses data; `sequence` is for a device that insists on the record's sequence number: a Redis that falls back to an older copy may then repeat nonces, which gives away what was sent.",
      ),
      mtu: integer(1200, { min: 576, max: 1452 }).describe("Largest UDP payload that we send in a handshake, bytes."),
      maxAssociations: integer(200_000, { min: 1 }).describe(
        "Associations in memory; beyond it the one that was silent longest leaves memory and stays in the store.",
      ),
      maxHandshakes: integer(4_096, { min: 1 }).describe(
        "Handshakes under way, after their cookie; beyond it the oldest gives way.",
      ),
      wrongKeyTimeoutMs: duration("20s").describe(
        "After which a handshake ends whose last message does not open: the key is wrong, or the message was forged and the right one comes yet.",
      ),
      computeInPoolAbove: integer(4, { min: 0 }).describe(
        "Signatures and key agreements that are computed in place in one turn of the event loop; more go to the thread pool, so that they do not hold up other devices.",
      ),
      idleMs: duration("1h", { min: "1m" }).describe(
        "After which silence an association leaves memory; it stays in the store. Until its next message the device is then out of reach, whatever `LWM2M_REACHABILITY_MODE` says: where devices are to be asked at any time, make it longer than their lifetime.",
      ),
      lifetimeMs: duration("7d", { min: "1m" }).describe(
        "After which silence an association leaves the store; the device then needs a handshake.",
      ),
      sessionLifetimeMs: duration("1d").describe("How long a device may resume a session; 0 for never."),
      lookups: text("2000:1").describe(
        "Records of unknown associations that may ask Redis, per node, as `capacity:seconds[,capacity:seconds]`; empty for no limit. Beyond it such records are dropped. Certificates that are nobody's have as much for themselves.",
      ),
      sealingKey: secret()
        .optional()
        .describe(
          "Keys that associations are sealed with in Redis, the same on all nodes: 32 bytes of Base64 a line; the first one seals, all open. `ferry keys generate sealing` makes one.",
        ),
    },
    { check: checkDtls },
  );
}

function checkDtls(settings: DtlsSettings): readonly (readonly [keyof DtlsSettings, string])[] {
  const problems: (readonly [keyof DtlsSettings, string])[] = [];
  const unknown = settings.suites.filter((name) => !(SUITE_NAMES as readonly string[]).includes(name));
  if (unknown.length > 0 || settings.suites.length === 0)
    problems.push([
      "suites",
      `${unknown.join(", ") || "an empty list"} is not possible: give some of ${SUITE_NAMES.join(", ")}`,
    ]);
  if (settings.cidLength > 0 && settings.cidLength < 8)
    problems.push(["cidLength", "a Connection ID that finds its node has 8 to 12 bytes: give that, or 0 for none"]);
  if (parseRateLimit(settings.lookups) === undefined) problems.push(["lookups", `give ${RATE_LIMIT_FORM}`]);
  return problems;
}
