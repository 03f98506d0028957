import type { Bus, IncomingRecord } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, parseProvisioningKey, TOPICS } from "@ferry/proto";
import type { Catalogue } from "./catalogue.ts";
import { patternPrefix } from "./device-declaration.ts";
import { ProvisioningError } from "./errors.ts";
import { parseProvisioningRecord } from "./parse-record.ts";

/** A catalogue that is kept up to date. */
export interface FollowedProvisioning {
  /** Resolves when all that was in the topic at the start is in the catalogue. */
  readonly caughtUp: Promise<void>;
  /** False while the reader makes no progress. */
  readonly healthy: boolean;
  stop(): Promise<void>;
}

export interface FollowOptions {
  readonly bus: Bus;
  readonly catalogue: Catalogue;
  readonly topicPrefix?: string;
  /** Told of records that are passed over because they are not valid; what was in force before still is. */
  readonly onInvalid?: (key: string, error: ProvisioningError) => void;
}

/** Reads lwm2m.provisioning.v1 from its beginning into the catalogue, and goes on: models, profiles and patterns; exact devices stay in the store. */
export function followProvisioning({
  bus,
  catalogue,
  topicPrefix = "",
  onInvalid = () => {},
}: FollowOptions): FollowedProvisioning {
  const { promise: caughtUp, resolve: onCaughtUp } = Promise.withResolvers<void>();
  const running = bus.subscribe({
    type: "reader",
    topic: topicPrefix + TOPICS.provisioning.name,
    from: "earliest",
    handle: (record) => applyRecord(record, catalogue, onInvalid),
    onCaughtUp,
  });
  return {
    caughtUp,
    get healthy() {
      return running.healthy;
    },
    stop: () => running.stop(),
  };
}

function applyRecord(
  { key, value, headers, offset }: IncomingRecord,
  catalogue: Catalogue,
  onInvalid: (key: string, error: ProvisioningError) => void,
): void {
  const named = parseProvisioningKey(key ?? "");
  if (key === null || named === undefined) return; // The materialiser says REJECTED.
  const { kind, tenant, id } = named;
  if (kind === "credential" || (kind === "device" && patternPrefix(id) === undefined)) {
    // By its key alone: there may be millions.
    catalogue.noteDevice({ type: value === null ? "removed" : "put", kind, tenant, id, offset });
    return;
  }
  if (value === null) {
    catalogue.remove(kind, tenant, id, offset);
    return;
  }
  try {
    catalogue.put(parseProvisioningRecord(key, value, headers[CONTENT_TYPE_HEADER]), offset);
  } catch (error) {
    if (!(error instanceof ProvisioningError)) throw error;
    onInvalid(key, error);
  }
}
