import { randomBytes } from "node:crypto";
import type { Bus } from "@ferry/bus";
import {
  BOOTSTRAP_DTLS_METRICS,
  type DtlsEndpoint,
  isDtlsPeer,
  type OpenDtls,
  openDtlsListener,
  readDtlsKeys,
} from "@ferry/dtls-endpoint";
import { parseRateLimit } from "@ferry/profile";
import { CONTENT_TYPE } from "@ferry/proto";
import { Catalogue, followProvisioning, readSealingKeys } from "@ferry/provisioning";
import {
  awaitTopics,
  createEpisode,
  delay,
  monotonicMs,
  openCoapListener,
  openUdpSocket,
  pooledRandom,
  type ServiceRuntime,
  SlotLease,
  type State,
  UsageError,
  wallMs,
} from "@ferry/runtime";
import { BOOTSTRAP_SLOTS, type NodeRef } from "@ferry/state";
import { type BootstrapServiceSettings, DTLS_PREFIX } from "./config.ts";
import { DeviceLimit } from "./device-limit.ts";
import { EventWriter } from "./event-writer.ts";
import { followAssociations } from "./follow-associations.ts";
import { BOOTSTRAP_METRICS } from "./metrics.ts";
import type { BootstrapPorts } from "./ports.ts";
import { serveBootstrap } from "./request-bootstrap.ts";
import { Sessions } from "./sessions.ts";
import { StrangerRefusals } from "./stranger-refusals.ts";

export { BOOTSTRAP_CONFIG, BOOTSTRAP_SHAPE, type BootstrapServiceSettings } from "./config.ts";

/** What a bootstrap server is connected to. */
export interface BootstrapConnections {
  readonly bus: Bus;
  readonly state: State;
  /** How its sockets are opened; UDP sockets by default. */
  readonly openSocket?: typeof openUdpSocket;
  /** How its DTLS listener is opened. */
  readonly openDtls?: OpenDtls;
}

/** A running bootstrap server. */
export interface BootstrapServer {
  readonly node: NodeRef;
  /** UDP port of its CoAP listener. */
  readonly coapPort: number;
  /** UDP port of its DTLS listener; undefined where there is none. */
  readonly dtlsPort: number | undefined;
}

/**
 * Starts a bootstrap server: takes a slot, follows provisioning, listens for devices.
 *
 * Resolves when it serves; waits without end for Kafka, Redis and a free slot, and says so in its readiness and once in its log. What it knows of running
 * sessions is in memory alone: a device whose process died asks again, and begins anew.
 */
export async function startBootstrap(
  settings: BootstrapServiceSettings,
  { logger, metrics: registry, health, shutdown, httpPort }: ServiceRuntime,
  { bus, state, openSocket = openUdpSocket, openDtls = openDtlsListener }: BootstrapConnections,
): Promise<BootstrapServer> {
  const { bootstrapCoap: coapSettings, bootstrapDtls: dtlsSettings, bootstrap, node: nodeSettings } = settings;
  const metrics = registry.register(BOOTSTRAP_METRICS);
  const dtlsMetrics = registry.register(BOOTSTRAP_DTLS_METRICS);
  const stateEpisode = createEpisode(logger, { failed: "Redis cannot be reached", healed: "Redis is back" });
  const busEpisode = createEpisode(logger, {
    failed: "Bootstrap records are not accepted",
    healed: "Bootstrap records are accepted again",
  });
  const sealingEpisode = createEpisode(logger, {
    failed: "A stored key of a device cannot be opened: is PROVISIONING_SEALING_KEY_FILE that of the rpc-router?",
    healed: "Stored keys of devices can be opened again",
  });
  const topicPrefix = settings.kafka.topicPrefix;
  const random = pooledRandom();
  const sealingKeys = readSealingKeys(settings.provisioning);
  // What is wrong with them is told before anything is waited for.
  const dtlsKeys = readDtlsKeys(dtlsSettings, settings, random, DTLS_PREFIX);
  health.require("state", () => state.problem());

  await awaitTopics({ bus, topicPrefix, mode: settings.kafka.topics, health, logger, signal: shutdown.signal });
  const catalogue = new Catalogue(state.provisioning);
  const followed = followProvisioning({
    bus,
    catalogue,
    topicPrefix,
    onInvalid: (key, { field, reason }) =>
      logger.warn({ key, field, reason }, "A provisioning record is not valid and was passed over"),
  });
  shutdown.onStop("bootstrap provisioning", () => followed.stop());
  health.require("provisioning", () => (followed.healthy ? undefined : "the provisioning topic is not followed"));
  await followed.caughtUp;

  let dtls: DtlsEndpoint | undefined;
  const name = nodeSettings.name;
  const lease = await SlotLease.take(
    {
      nodes: state.nodes,
      entry: { bootId: randomBytes(8).toString("hex"), name, address: `${name}:${httpPort}`, version: "0.1.0" },
      slots: BOOTSTRAP_SLOTS,
      leaseMs: nodeSettings.leaseMs,
      monotonicMs,
      onLost: (reason) => {
        logger.warn({ reason }, "DTLS associations of bootstrapping devices are discarded");
        dtls?.discard();
      },
      // A store that was emptied forgot the lease with all else: that alone costs no association.
      isStoreLost: async () => (await state.provisioning.position()) === undefined,
      onUnavailable: (error) => stateEpisode.failed(error),
      onAvailable: () => stateEpisode.healed(),
      delay,
    },
    () => logger.warn("All slots of bootstrap processes, 64 to 191, are held; waiting for one"),
    shutdown.signal,
  );
  if (lease === undefined) throw new UsageError("stopped while waiting for a slot");
  lease.start();
  shutdown.onStop("bootstrap slot", () => lease.stop());
  const node: NodeRef = { slot: lease.entry.slot, bootId: lease.entry.bootId };
  metrics.slot.set(node.slot);

  const sender = bus.sender({ name: "bootstrap", lingerMs: settings.kafka.lingerMs });
  health.require("bootstrap records", () => (sender.oldestAgeMs > BUS_STUCK_MS ? "records wait for Kafka" : undefined));
  const listener = await openCoapListener({
    settings: coapSettings,
    openSocket,
    random,
    isSecured: isDtlsPeer,
    sendSecured: (bytes, peer) => dtls?.send(bytes, peer),
    logger,
    handlers: {
      request: (request) => void serveBootstrap(request, ports),
      // Nobody observes anything here.
      notification: ({ handle }) => coap.reset(handle),
      dropped: (reason) => metrics.drops.with({ reason }).inc(),
    },
  });
  const { coap } = listener;
  const sessions = new Sessions(bootstrap.maxSessions);
  let draining = false;
  const ports: BootstrapPorts = {
    node,
    settings: { ...bootstrap, lookups: parseRateLimit(bootstrap.lookups) ?? [] },
    lookups: [],
    deviceLimit: new DeviceLimit(parseRateLimit(bootstrap.deviceRequests) ?? [], monotonicMs),
    strangers: new StrangerRefusals(monotonicMs),
    devices: state.devices,
    provisioning: state.provisioning,
    catalogue,
    sealingKeys,
    sessions,
    credentials: { sender, topicPrefix },
    coap,
    get dtls() {
      return dtls;
    },
    events: new EventWriter({
      sender,
      bootstraps: state.bootstraps,
      node,
      nodeName: name,
      topicPrefix,
      contentType: CONTENT_TYPE[settings.records],
      wallMs,
      random,
      onUnavailable: (error) => stateEpisode.failed(error),
      onUnpublished: (error) => {
        metrics.unpublished.inc();
        busEpisode.failed(error);
      },
    }),
    draining: () => draining,
    clock: { wallMs, monotonicMs },
    random,
    metrics,
    stateEpisode,
    sealingEpisode,
    logger,
  };
  if (dtlsKeys !== undefined) {
    dtls = await openDtls({
      settings: dtlsSettings,
      envPrefix: DTLS_PREFIX,
      keys: dtlsKeys,
      scope: "bootstrap",
      provisioning: state.provisioning,
      associations: state.bootstrapAssociations,
      catalogue,
      isRestored: async () => (await state.provisioning.position()) !== undefined,
      shutdown,
      openSocket,
      node,
      mayServe: () => lease.mayServe(),
      // Bootstrap processes read no commands: one that is asked would not hear it, and its device's next record confirms where it is.
      askOwner: async () => undefined,
      on: followAssociations(() => ports),
      metrics: dtlsMetrics,
      logger,
      clock: ports.clock,
      random,
    });
  }
  metrics.running.collect(() => sessions.size);
  metrics.socketDrops.collect(() => listener.kernelDrops());
  metrics.dtlsSocketDrops.collect(() => dtls?.kernelDrops() ?? 0);

  // The last is stopped first: what is told of the sessions that are given up is still published.
  shutdown.onStop("bootstrap records", async () => void (await Promise.allSettled([sender.flush(FLUSH_MS)])));
  shutdown.onStop("bootstrap sockets", async () => {
    await sessions.stop();
    await Promise.all([listener.stop(), dtls?.stop()]);
  });
  shutdown.onStop("bootstrap sessions", async (signal) => {
    draining = true;
    await lease.announce({ draining: true });
    await sessions.drained(AbortSignal.any([signal, AbortSignal.timeout(bootstrap.drainMs)]));
  });

  await lease.announce({ ready: true });
  logger.info({ slot: node.slot, coapPort: listener.port, dtlsPort: dtls?.port }, "Bootstrapping devices");
  return { node, coapPort: listener.port, dtlsPort: dtls?.port };
}

/** Records that wait longer than this say that Kafka does not take them, ms. */
const BUS_STUCK_MS = 10_000;
/** How long the records in hand may take on shutdown, ms. */
const FLUSH_MS = 5_000;
