import type { ServerIdentity } from "@ferry/dtls";
import { ConfigError, type Logger } from "@ferry/runtime";
import type { DeviceCertificate } from "./certificate.ts";
import { EMPTY_FOLDER, folderState, type KeyFolder, readKeyFolder } from "./key-folder.ts";
import type { DtlsMetrics } from "./metrics.ts";

/** How often the folder is looked at, ms. */
const LOOK_MS = 5_000;

/** The server's keys and whom it trusts, as its folder has them now. */
export interface ServerKeys extends ServerIdentity {
  /** CAs that may sign certificates of devices that name none of their own. */
  readonly trustAnchors: readonly DeviceCertificate[];
  /** Whether a list of this issuer has the certificate. */
  isRevoked(certificate: DeviceCertificate, issuer: DeviceCertificate): boolean;
  /** Whether a list has what was accepted before, by its `revocationKey`. */
  hasRevoked(key: string): boolean;
  /** Tells when the folder was read anew; returns how to stop that. */
  onChange(listener: () => void): () => void;
  stop(): void;
}

/** What following a folder of keys works with. */
export interface FollowKeysOptions {
  readonly logger: Logger;
  readonly metrics: Pick<DtlsMetrics, "dtlsKeyFiles">;
  /** Ms since 1970: to tell of lists that are out of date. */
  readonly wallMs: () => number;
  /** How often the folder is looked at, ms; 5 s when not given. */
  readonly lookMs?: number;
  /** Of the settings, for errors. */
  readonly envPrefix?: string;
}

/** Without a folder there are none: only devices with a PSK can connect. */
export const NO_SERVER_KEYS: ServerKeys = identityOf(
  () => EMPTY_FOLDER,
  new Set(),
  () => {},
);

/**
 * Reads a folder of keys and goes on reading it when it changes; what cannot be used then leaves in force what was there before.
 *
 * @throws {ConfigError} a file cannot be used, a line for each
 */
export async function followServerKeys(folder: string, options: FollowKeysOptions): Promise<ServerKeys> {
  const { logger, metrics, wallMs, lookMs = LOOK_MS, envPrefix = "LWM2M_DTLS" } = options;
  // Looked at first: what changes while it is read is read again.
  let state = await folderState(folder);
  const first = await readKeyFolder(folder, EMPTY_FOLDER);
  if (first.problems.length > 0)
    throw new ConfigError(first.problems.map(({ file, reason }) => `${envPrefix}_KEYS: ${file}: ${reason}`));
  let keys = first.keys;
  tell(keys);

  const listeners = new Set<() => void>();
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    try {
      const seen = await folderState(folder);
      if (seen === state) return;
      state = seen;
      const { keys: read, problems } = await readKeyFolder(folder, keys);
      keys = read;
      for (const { file, reason } of problems)
        logger.error({ file, reason }, "A file of keys cannot be used; what it held before goes on");
      metrics.dtlsKeyFiles.with({ outcome: problems.length > 0 ? "kept" : "loaded" }).inc();
      tell(keys);
      for (const listener of listeners) listener();
    } finally {
      looking = false;
    }
  };
  const timer = setInterval(() => void look(), lookMs);
  timer.unref();
  return identityOf(
    () => keys,
    listeners,
    () => clearInterval(timer),
  );

  function tell(now: KeyFolder): void {
    const facts = {
      rawPublicKey: now.rawPublicKey !== undefined,
      certificates: [...now.certificates.keys()].map((name) => name || "(default)"),
      trustAnchors: [...now.trustAnchors.values()].flat().length,
      revocationLists: now.revocationLists.size,
    };
    logger.info(facts, "Keys of the DTLS listener were read");
    for (const [file, { nextUpdateMs }] of now.revocationLists) {
      if (nextUpdateMs !== undefined && nextUpdateMs < wallMs())
        logger.warn({ file, nextUpdate: new Date(nextUpdateMs).toISOString() }, "A revocation list is out of date");
    }
  }
}

function identityOf(current: () => KeyFolder, listeners: Set<() => void>, stop: () => void): ServerKeys {
  return {
    get rawPublicKey() {
      return current().rawPublicKey;
    },
    certificate(serverName) {
      const { certificates } = current();
      const name = serverName?.toLowerCase().replace(/\.$/, "") ?? "";
      const [first] = certificates.values();
      return certificates.get(name) ?? certificates.get("") ?? first;
    },
    get trustAnchors() {
      return [...current().trustAnchors.values()].flat();
    },
    isRevoked: (certificate, issuer) =>
      [...current().revocationLists.values()].some((list) => list.isRevoked(certificate, issuer)),
    hasRevoked: (key) => [...current().revocationLists.values()].some((list) => list.hasKey(key)),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    stop,
  };
}
