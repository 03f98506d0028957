import { randomBytes } from "node:crypto";
import { type Bus, BusOverflowError, BusUnavailableError, RecordTooLargeError } from "@ferry/bus";
import {
  DTLS_METRICS,
  type DtlsEndpoint,
  isDtlsPeer,
  type OpenDtls,
  openDtlsListener,
  readDtlsKeys,
} from "@ferry/dtls-endpoint";
import { parseRateLimit, type RateLimit } from "@ferry/profile";
import { CONTENT_TYPE, TOPICS } from "@ferry/proto";
import { Catalogue, followProvisioning } from "@ferry/provisioning";
import {
  armFailpoint,
  awaitTopics,
  createEpisode,
  delay,
  type Episode,
  monotonicMs,
  openCoapListener,
  openUdpSocket,
  pooledRandom,
  requestedSlots,
  type ServiceRuntime,
  SlotLease,
  type State,
  UsageError,
  wallMs,
} from "@ferry/runtime";
import { type NodeRef, StateUnavailableError } from "@ferry/state";
import { DTLS_PREFIX, type TransportSettings } from "./config.ts";
import { RpcExecutor } from "./downlink/accept-rpc.ts";
import { FetchAgain } from "./downlink/fetch-again.ts";
import { Pacer } from "./downlink/pacer.ts";
import { isMissing, mayReconcile, reconcile } from "./downlink/reconcile.ts";
import { DesiredWriter } from "./downlink/write-desired.ts";
import { Sweeper } from "./expiry.ts";
import { followChanges } from "./follow-changes.ts";
import { Gaps } from "./gaps.ts";
import { LiveSlots } from "./live-slots.ts";
import { TRANSPORT_METRICS } from "./metrics.ts";
import { obeyCommand } from "./node-commands.ts";
import { OutboxSettler } from "./outbox-settler.ts";
import { Ownership } from "./ownership.ts";
import type { TransportPorts } from "./ports.ts";
import { RecordWriter } from "./record-writer.ts";
import { OwnerQuestions } from "./secure/ask-owner.ts";
import { followAssociations } from "./secure/follow-associations.ts";
import { recheckCredentials } from "./secure/recheck-credentials.ts";
import { ServingCache } from "./serving.ts";
import { mayServe, Sleepers, serveWaiting } from "./sleepers.ts";
import { StoreWatch } from "./store-watch.ts";
import { TakeOver } from "./take-over.ts";
import { Notifications } from "./uplink/notification.ts";
import { serveUplink } from "./uplink/route-uplink.ts";
import { TenantBudgets } from "./uplink/tenant-budgets.ts";
import { UplinkLimits } from "./uplink/uplink-limits.ts";
import { writeBack } from "./write-back.ts";

export { TRANSPORT_CONFIG, TRANSPORT_SHAPE, type TransportSettings } from "./config.ts";

/** What a transport node is connected to. */
export interface TransportConnections {
  readonly bus: Bus;
  readonly state: State;
  /** How its sockets are opened; UDP sockets by default. */
  readonly openSocket?: typeof openUdpSocket;
  /** How its DTLS listener is opened. */
  readonly openDtls?: OpenDtls;
}

/** A running transport node. */
export interface TransportNode {
  readonly node: NodeRef;
  /** UDP port of its CoAP listener. */
  readonly coapPort: number;
  /** UDP port of its DTLS listener; undefined where there is none. */
  readonly dtlsPort: number | undefined;
}

/**
 * Starts a transport node: takes a slot, follows provisioning, listens for devices and commands.
 *
 * Resolves when it serves; waits without end for Kafka, Redis and a free slot, and says so in its readiness and once in its log.
 */
export async function startTransport(
  settings: TransportSettings,
  { logger, metrics: registry, health, shutdown, httpPort }: ServiceRuntime,
  { bus, state, openSocket = openUdpSocket, openDtls = openDtlsListener }: TransportConnections,
): Promise<TransportNode> {
  const metrics = registry.register(TRANSPORT_METRICS);
  const stateEpisode = createEpisode(logger, { failed: "Redis cannot be reached", healed: "Redis is back" });
  const busEpisode = createEpisode(logger, {
    failed: "Records are not accepted",
    healed: "Records are accepted again",
  });
  const topicPrefix = settings.kafka.topicPrefix;
  const bootId = randomBytes(8).toString("hex");
  const random = pooledRandom();
  const dtlsKeys = readDtlsKeys(settings.dtls, settings, random, DTLS_PREFIX); // What is wrong with them is told before anything is waited for.
  health.require("state", () => state.problem());

  await awaitTopics({ bus, topicPrefix, mode: settings.kafka.topics, health, logger, signal: shutdown.signal });
  const catalogue = new Catalogue(state.provisioning);
  const followed = followProvisioning({
    bus,
    catalogue,
    topicPrefix,
    onInvalid: (key, error) =>
      logger.warn(
        { key, field: error.field, reason: error.reason },
        "A provisioning record is not valid and was passed over",
      ),
  });
  shutdown.onStop("provisioning", () => followed.stop());
  health.require("provisioning", () => (followed.healthy ? undefined : "the provisioning topic is not followed"));
  await followed.caughtUp;

  const ownership = new Ownership();
  let dtls: DtlsEndpoint | undefined;
  const serving = Promise.withResolvers<TransportPorts>();
  const storeWatch = await beginWatching(state, shutdown.signal, stateEpisode, () => {
    const devices = ownership.size;
    if (devices > 0) logger.warn({ devices }, "Redis was emptied or rolled back; owned devices are written back");
    else logger.info("Redis is new, or was emptied or rolled back: nobody is unknown until a router has restored it");
    void serving.promise.then((ports) =>
      writeBack({ ...ports, serveWaiting: (device) => serveWaiting(device, ports) }, shutdown.signal),
    );
  });
  const lease = await SlotLease.take(
    {
      nodes: state.nodes,
      entry: { bootId, name: settings.node.name, address: `${settings.node.name}:${httpPort}`, version: "0.1.0" },
      slots: requestedSlots(settings.node),
      leaseMs: settings.node.leaseMs,
      monotonicMs,
      onLost: (reason) => {
        logger.warn({ reason, devices: ownership.size }, "Ownership is discarded");
        ownership.clear();
        dtls?.discard();
      },
      isStoreLost: () => storeWatch.inDoubt(),
      onUnavailable: (error) => stateEpisode.failed(error),
      onAvailable: () => stateEpisode.healed(),
      delay,
    },
    () => logger.warn({ slot: settings.node.slot }, "The slot is held by another node; waiting for it"),
    shutdown.signal,
  );
  if (lease === undefined) throw new UsageError("stopped while waiting for a slot");
  // From here on: what follows may wait for Kafka longer than a lease lasts.
  lease.start();
  shutdown.onStop("slot", () => lease.stop());
  const node: NodeRef = { slot: lease.entry.slot, bootId };
  metrics.slot.set(node.slot);

  const values = bus.sender({ name: "values", lingerMs: settings.kafka.lingerMs });
  const answers = bus.sender({ name: "answers", lingerMs: 0 });
  health.require("bus", () => (values.oldestAgeMs > BUS_STUCK_MS ? "records wait for Kafka" : undefined));
  const contentType = CONTENT_TYPE[settings.records];
  const records = new RecordWriter({ values, answers, node, nodeName: settings.node.name, topicPrefix, contentType });

  const listener = await openCoapListener({
    settings: settings.coap,
    openSocket,
    random,
    isSecured: isDtlsPeer,
    sendSecured: (bytes, peer) => dtls?.send(bytes, peer),
    beforeDatagram: () => void lease.mayServe(), // If not, ownership is discarded before the datagram is looked at.
    logger,
    handlers: {
      request: (request) => void serveUplink(request, ports),
      notification: (notification) => notifications.handle(notification),
      dropped: (reason) => metrics.drops.with({ reason }).inc(),
    },
  });
  const { coap } = listener;
  const liveSlots = new LiveSlots(state.nodes, monotonicMs);
  const ports: TransportPorts = {
    node,
    settings: {
      ...settings,
      logLines: rateLimit(settings.limits.logLines),
      responseTimeoutMs: settings.coap.responseTimeoutMs,
    },
    devices: state.devices,
    nodes: state.nodes,
    provisioning: state.provisioning,
    catalogue,
    sealingKeys: dtlsKeys?.provisioning,
    servings: new ServingCache(catalogue),
    ownership,
    coap,
    get dtls() {
      return dtls;
    },
    get ownerQuestions() {
      return ownerQuestions;
    },
    records,
    outbox: new OutboxSettler(state.devices, (ms, then) => void setTimeout(then, ms)),
    values,
    clock: { wallMs, monotonicMs },
    random,
    metrics,
    get takeOver() {
      return takeOver;
    },
    get desired() {
      return desired;
    },
    get rpc() {
      return rpc;
    },
    pacer: new Pacer({
      perSecond: settings.reconcile.devicesPerSecond,
      clock: monotonicMs,
      later,
      isDue: (device) => mayReconcile(device, ports) || mayServe(device, ports),
      run: (device) => {
        reconcile(device, ports);
        serveWaiting(device, ports);
      },
    }),
    get fetchAgain() {
      return fetchAgain;
    },
    get sleepers() {
      return sleepers;
    },
    storeWatch,
    liveSlots,
    limits: new UplinkLimits({
      device: rateLimit(settings.limits.device),
      lookups: rateLimit(settings.limits.lookups),
      tenants: new TenantBudgets({
        budgets: state.budgets,
        buckets: rateLimit(settings.limits.tenant),
        countNodes: () => liveSlots.count(),
        monotonicMs,
        onUnavailable: (error) => stateEpisode.failed(error),
      }),
      metrics,
    }),
    gaps: new Gaps(),
    stateEpisode,
    unpublished: (error) => {
      if (!isBusError(error)) throw error;
      busEpisode.failed(error);
    },
    logger,
    failpoint: armFailpoint(settings.failpoint),
  };
  serving.resolve(ports);
  const sleepers = new Sleepers(ports);
  const fetchAgain = new FetchAgain(ports.pacer);
  const takeOver = new TakeOver(ports);
  const notifications = new Notifications(ports, takeOver);
  const rpc = new RpcExecutor(ports);
  const desired = new DesiredWriter(ports);
  const ownerQuestions = new OwnerQuestions(ports, later);
  const dtlsMetrics = registry.register(DTLS_METRICS);
  if (dtlsKeys !== undefined) {
    dtls = await openDtls({
      settings: settings.dtls,
      envPrefix: DTLS_PREFIX,
      keys: dtlsKeys,
      scope: "server",
      provisioning: state.provisioning,
      associations: state.associations,
      catalogue,
      isRestored: () => storeWatch.isRestored(),
      shutdown,
      openSocket,
      node,
      mayServe: () => lease.mayServe(),
      askOwner: (association, sequence) => ownerQuestions.ask(association, sequence),
      on: followAssociations(() => ports, later),
      metrics: dtlsMetrics,
      logger,
      clock: ports.clock,
      random,
    });
  }
  const commands = bus.subscribe({
    type: "reader",
    topic: topicPrefix + TOPICS.nodeCommand.name,
    partitions: [node.slot],
    from: "latest",
    handle: (record) => obeyCommand(record, rpc, ports),
  });
  health.require("commands", () => (commands.healthy ? undefined : "node commands are not read"));
  const stopFollowing = followChanges(ports);
  const stopRechecking = recheckCredentials(ports);
  const sweeper = new Sweeper(ports, delay);
  const everySecond = setInterval(() => {
    ports.gaps.report(ports);
    if (busEpisode.lasting && values.bufferedRecords === 0) busEpisode.healed();
  }, SECOND_MS);
  metrics.devices.collect(() => ownership.size);
  metrics.observations.collect(() => ownership.observations);
  metrics.rpcWaiting.collect(() => rpc.waiting);
  metrics.rpcAnswersHeld.collect(() => rpc.answersHeld);
  metrics.asleep.collect(() => [...ownership.devices()].filter(({ asleep }) => asleep).length);
  metrics.drift.collect(() => drift(ownership, monotonicMs()));
  metrics.refusedByDevice.collect(() => refused(ownership));
  metrics.reconcileWaiting.collect(() => ports.pacer.waiting);
  metrics.bufferedBytes.collect(() => values.bufferedBytes);
  metrics.oldestRecordSeconds.collect(() => values.oldestAgeMs / 1000);
  metrics.socketDrops.collect(() => listener.kernelDrops());
  metrics.dtlsSocketDrops.collect(() => dtls?.kernelDrops() ?? 0);

  // The last is stopped first: what Kafka accepts while the records are flushed is still acknowledged through the open socket.
  shutdown.onStop("outbox", () => ports.outbox.flush());
  shutdown.onStop("ownership", (signal) => releaseAll(ports, signal));
  shutdown.onStop("socket", async () => {
    await Promise.all([listener.stop(), dtls?.stop()]);
  });
  shutdown.onStop("records", async () => {
    coap.deafen();
    await Promise.allSettled([values.flush(FLUSH_MS), answers.flush(FLUSH_MS)]);
  });
  shutdown.onStop("background", async () => {
    stopFollowing();
    stopRechecking();
    clearInterval(everySecond);
    sleepers.stop();
    rpc.stop();
    await Promise.all([sweeper.stop(), commands.stop()]);
  });
  shutdown.onStop("drain", async (signal) => {
    await lease.announce({ draining: true });
    await delay(settings.drainMs, signal);
  });

  await commands.ready;
  sweeper.start();
  await lease.announce({ ready: true });
  fetchWaiting(ports);
  logger.info({ slot: node.slot, coapPort: listener.port, dtlsPort: dtls?.port }, "Serving devices");
  return { node, coapPort: listener.port, dtlsPort: dtls?.port };
}

/** Looks up what waits for the devices that came while the node started: who stored it told only nodes that are ready. */
function fetchWaiting(ports: TransportPorts): void {
  for (const device of ports.ownership.devices()) {
    device.requestsWait = true;
    device.valuesWait = true;
    serveWaiting(device, ports);
  }
}

/** How soon Redis is tried again at the start, ms. */
const RETRY_MS = 1_000;
/** Records that wait longer than this say that Kafka does not take them, ms. */
const BUS_STUCK_MS = 10_000;
/** How long the records in hand may take on shutdown, ms. */
const FLUSH_MS = 10_000;
/** How often dropped NON are told of, and it is noted that this process runs, ms. */
const SECOND_MS = 1_000;
/** Devices that are given up at a time on shutdown. */
const RELEASE_BATCH = 200;

/** Begins to watch the store; waits for Redis as long as it takes. */
async function beginWatching(
  { devices }: State,
  signal: AbortSignal,
  episode: Episode,
  onLost: () => void,
): Promise<StoreWatch> {
  for (;;) {
    try {
      return await StoreWatch.begin(devices, monotonicMs, onLost);
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      if (signal.aborted) throw new UsageError("stopped while waiting for Redis");
      episode.failed(error);
      await delay(RETRY_MS, signal);
    }
  }
}

/** A setting that was checked when it was read. */
function rateLimit(text: string): RateLimit {
  return parseRateLimit(text) ?? [];
}

/** The failures of a bus that works as it should; anything else is ours. */
function isBusError(error: unknown): boolean {
  return (
    error instanceof BusOverflowError || error instanceof BusUnavailableError || error instanceof RecordTooLargeError
  );
}

/** Observations that are wanted and not known to be there. */
function drift(ownership: Ownership, nowMs: number): number {
  let missing = 0;
  for (const device of ownership.devices())
    for (const held of device.observations.values()) if (isMissing(device, held, nowMs)) missing += 1;
  return missing;
}

function refused(ownership: Ownership): number {
  let count = 0;
  for (const { refused: names } of ownership.devices()) count += names?.size ?? 0;
  return count;
}

function later(ms: number, then: () => void): void {
  setTimeout(then, ms).unref();
}

/** Gives devices up, so that the router does not wait for this node's lease to lapse. */
async function releaseAll({ ownership, devices, stateEpisode }: TransportPorts, signal: AbortSignal): Promise<void> {
  const owned = [...ownership.devices()];
  ownership.clear();
  try {
    for (let at = 0; at < owned.length && !signal.aborted; at += RELEASE_BATCH) {
      await Promise.all(
        owned.slice(at, at + RELEASE_BATCH).map((device) => devices.release({ device, owner: device.owner })),
      );
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    stateEpisode.failed(error);
  }
}
