import { setTimeout as delay } from "node:timers/promises";
import type { Bus } from "@ferry/bus";
import { TOPICS } from "@ferry/proto";
import { readSealingKeys } from "@ferry/provisioning";
import { armFailpoint, awaitTopics, createEpisode, type ServiceRuntime, type State, wallMs } from "@ferry/runtime";
import type { RpcRouterSettings } from "./config.ts";
import { desireValue } from "./desire-values.ts";
import { RequestExpiry } from "./expire-requests.ts";
import { Materialiser } from "./materialise-provisioning.ts";
import { RPC_ROUTER_METRICS } from "./metrics.ts";
import { isOutage } from "./outage.ts";
import type { RouterPorts } from "./ports.ts";
import { ProfileExpiries } from "./profile-expiries.ts";
import { StoreRestorer } from "./restore-lost-store.ts";
import { routeRequest } from "./route-requests.ts";

export { RPC_ROUTER_CONFIG, RPC_ROUTER_SHAPE, type RpcRouterSettings } from "./config.ts";

/** How often due requests are looked at, and how often every shard is, whoever its requests came through. */
const EXPIRY_STEP_MS = 1_000;
const EXPIRY_ROUND_MS = 60_000;
/** How often the router makes sure that Redis still has the read model of provisioning. */
const CHECK_MS = 10_000;
/** How often it looks whether Redis was emptied, rolled back or replaced. */
const RESTORE_CHECK_MS = 500;

/** What an rpc-router is connected to. */
export interface RpcRouterConnections {
  readonly bus: Bus;
  readonly state: State;
}

/**
 * Starts an rpc-router: routes requests, ends those that nobody else ends, and writes the read model of provisioning.
 *
 * Resolves when it has its partitions; waits without end for Kafka and Redis.
 */
export async function startRpcRouter(
  settings: RpcRouterSettings,
  { logger, metrics: registry, health, shutdown }: ServiceRuntime,
  { bus, state }: RpcRouterConnections,
): Promise<void> {
  const topicPrefix = settings.kafka.topicPrefix;
  const groupId = `${topicPrefix}rpc-router`;
  const outage = createEpisode(logger, {
    failed: "Redis or Kafka cannot be reached",
    healed: "Redis and Kafka are back",
  });
  const ports: RouterPorts = {
    settings: {
      ...settings.rpc,
      topicPrefix,
    },
    bus,
    sender: bus.sender({ name: "rpc-router", lingerMs: 0 }),
    devices: state.devices,
    nodes: state.nodes,
    provisioning: state.provisioning,
    profileExpiries: new ProfileExpiries(),
    nodeName: settings.node.name,
    clock: wallMs,
    metrics: registry.register(RPC_ROUTER_METRICS),
    outage,
    logger,
    failpoint: armFailpoint(settings.failpoint),
  };

  health.require("state", () => state.problem());
  await awaitTopics({ bus, topicPrefix, mode: settings.kafka.topics, health, logger, signal: shutdown.signal });
  if (shutdown.signal.aborted) return;

  const materialiser = new Materialiser(ports, readSealingKeys(settings.provisioning), shutdown.signal);
  const provisioning = bus.subscribe({
    type: "group",
    groupId: `${groupId}-provisioning`,
    topics: [topicPrefix + TOPICS.provisioning.name],
    handle: (record) => materialiser.handle(record),
  });
  shutdown.onStop("provisioning", () => provisioning.stop());

  const { promise: profilesKnown, resolve: onCaughtUp } = Promise.withResolvers<void>();
  const profiles = bus.subscribe({
    type: "reader",
    topic: topicPrefix + TOPICS.provisioning.name,
    from: "earliest",
    handle: (record) => ports.profileExpiries.take(record),
    onCaughtUp,
  });
  shutdown.onStop("profiles", () => profiles.stop());
  await profilesKnown;

  const expiry = new RequestExpiry(ports, { stepMs: EXPIRY_STEP_MS, roundMs: EXPIRY_ROUND_MS });
  const requests = bus.subscribe({
    type: "group",
    groupId,
    topics: [topicPrefix + TOPICS.rpcRequest.name],
    handle: (record) => routeRequest(record, (request) => expiry.expect(request), ports),
  });
  shutdown.onStop("requests", () => requests.stop());

  const desired = bus.subscribe({
    type: "group",
    groupId: `${groupId}-values`,
    topics: [topicPrefix + TOPICS.attributeUpdate.name],
    handle: (record) => desireValue(record, ports),
  });
  shutdown.onStop("desired values", () => desired.stop());

  const restorer = new StoreRestorer(ports, {
    materialiser,
    perSecond: settings.restore.perSecond,
    onOpen: (request) => expiry.expect(request),
    signal: shutdown.signal,
  });
  const loops = [
    repeat(RESTORE_CHECK_MS, () => restorer.check(), ports, shutdown.signal),
    repeat(EXPIRY_STEP_MS, () => expiry.step(), ports, shutdown.signal),
    repeat(CHECK_MS, () => materialiser.check(), ports, shutdown.signal),
  ];
  shutdown.onStop("loops", async () => void (await Promise.all(loops)));

  health.require("requests", () => (requests.healthy ? undefined : "the request topic is not read"));
  health.require("provisioning", () => (provisioning.healthy ? undefined : "the provisioning topic is not read"));
  health.require("desired values", () => (desired.healthy ? undefined : "the attribute update topic is not read"));
  await Promise.all([requests.ready, provisioning.ready, desired.ready]);
}

/** Does a step now and every `everyMs` until `signal` aborts; an outage is told once and does not end it. */
async function repeat(
  everyMs: number,
  step: () => Promise<void>,
  { outage }: RouterPorts,
  signal: AbortSignal,
): Promise<void> {
  do {
    try {
      await step();
      outage.healed();
    } catch (error) {
      if (signal.aborted) return;
      if (!isOutage(error)) throw error;
      outage.failed(error);
    }
  } while (await pause(everyMs, signal));
}

/** False when stopping. */
async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await delay(ms, undefined, { signal });
    return true;
  } catch {
    // The only way to fail is the abort.
    return false;
  }
}
