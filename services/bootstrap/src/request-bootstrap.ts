import { CODE, formatCode, OPTION, uintOption } from "@ferry/coap";
import {
  type BootstrapUplink,
  type LwM2mVersion,
  ObjectLinksError,
  parseBootstrapUplink,
  parseObjectLinks,
  UnencodableContentError,
} from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import { type DeviceDeclaration, SealingError } from "@ferry/provisioning";
import { type IncomingRequest, parsePeerKey } from "@ferry/runtime";
import { type DeviceRef, type Sender, StateUnavailableError, takeToken, takeTokens } from "@ferry/state";
import { type Answer, refuse, tryLater } from "./answer.ts";
import { type GeneratedKey, generateKey } from "./generate-key.ts";
import type { RequestRefusal } from "./metrics.ts";
import { type EncodedPack, encodePack } from "./pack.ts";
import type { BootstrapTarget } from "./plan.ts";
import type { BootstrapPorts } from "./ports.ts";
import { type Refused, type Resolved, resolveTarget } from "./resolve-target.ts";
import { runSession } from "./run-session.ts";
import { senderOf } from "./source.ts";
import { withServerKeys } from "./target.ts";
import { serversOf } from "./told-servers.ts";

const { BootstrapStep: Step, BootstrapResult: Result } = lwm2m.v1;

/** A request with who has sent it. */
interface Asked {
  readonly incoming: IncomingRequest;
  readonly uplink: BootstrapUplink;
  readonly sender: Sender;
}

/** An answer with what is to be done once it is on its way; undefined: silence, after which the device asks again. */
type Outcome = (Answer & { readonly afterwards?: () => void }) | undefined;

/**
 * Answers a request of a device on the bootstrap interface, or stays silent; the one place where failures of Redis become 5.03. A Bootstrap-Request that is
 * accepted (2.04) begins a session with whoever sent it, and ends the one that the device had.
 */
export async function serveBootstrap(incoming: IncomingRequest, ports: BootstrapPorts): Promise<void> {
  const { coap, metrics } = ports;
  const uplink = parseBootstrapUplink(incoming.code, incoming.options);
  if (uplink.type === "refusal") {
    metrics.requests.with({ outcome: "malformed" }).inc();
    coap.respond(incoming.handle, uplink.code, [], Buffer.from(uplink.diagnostic));
    return;
  }
  const outcome = await tolerant(incoming, uplink, ports);
  if (outcome === undefined) {
    coap.abandon(incoming.handle);
    return;
  }
  coap.respond(incoming.handle, outcome.code, outcome.options, outcome.payload);
  outcome.afterwards?.();
}

async function tolerant(incoming: IncomingRequest, uplink: BootstrapUplink, ports: BootstrapPorts): Promise<Outcome> {
  const { metrics, random, stateEpisode, sealingEpisode } = ports;
  try {
    const outcome = await decide(incoming, uplink, ports);
    stateEpisode.healed();
    return outcome;
  } catch (error) {
    if (error instanceof StateUnavailableError) stateEpisode.failed(error);
    else if (error instanceof SealingError) sealingEpisode.failed(error);
    else throw error;
    metrics.requests.with({ outcome: "unavailable" }).inc();
    return tryLater(random);
  }
}

async function decide(incoming: IncomingRequest, uplink: BootstrapUplink, ports: BootstrapPorts): Promise<Outcome> {
  const { dtls, metrics, clock, lookups, deviceLimit, settings, sealingEpisode } = ports;
  const known = senderOf(incoming.peer, dtls);
  // What is provisioned may have changed since the handshake: an association that it does not allow any more ends here.
  if (known !== undefined && known.securityMode !== "NO_SEC") await dtls?.recheck(known.device);
  const sender = known && senderOf(incoming.peer, dtls);
  if (sender === undefined) {
    metrics.requests.with({ outcome: "closed" }).inc();
    return undefined;
  }
  const isStranger = sender.securityMode === "NO_SEC";
  const nowMs = clock.monotonicMs();
  if (isStranger && takeToken(settings.lookups, lookups, nowMs) > 0) {
    metrics.requests.with({ outcome: "limited" }).inc();
    return undefined;
  }
  // Who has proved who it is is counted by that; a name in the clear when there is such a device, or invented ones would push real ones out.
  if (sender.securityMode !== "NO_SEC" && !deviceLimit.admits(sender.device)) return tooOften(ports);
  const resolved = await resolveTarget(uplink.endpoint, sender, ports);
  if (resolved.type === "refused") return refusal(resolved, sender, ports);
  sealingEpisode.healed();
  // Who is found costs nothing: a fleet that bootstraps at once is not held back by what strangers may do.
  if (isStranger) takeTokens(settings.lookups, lookups, -1, nowMs);
  if (isStranger && !deviceLimit.admits(resolved.device)) return tooOften(ports);
  if (uplink.type === "bootstrapRequest") return await begin({ incoming, uplink, sender }, resolved, ports);
  const { device, target, generating } = resolved;
  // A datagram in the clear may come from anywhere: keys go to who answers there, which a session finds out.
  if (isStranger && hasKeys(target)) {
    metrics.requests.with({ outcome: "packInClear" }).inc();
    return refuse(CODE.NOT_IMPLEMENTED, "no Bootstrap-Pack with keys in the clear: ask with POST /bs, or by DTLS");
  }
  const hindrance = hindranceOf(device, ports);
  if (hindrance !== undefined) return later(hindrance, ports);
  if (generating === undefined) return givePack(uplink, device, sender, target, ports);
  const server = await generateAlone(device, generating, ports);
  if (server.type === "psk") return givePack(uplink, device, sender, withServerKeys(target, server), ports);
  const { reason } = server;
  return refusal(
    { type: "refused", outcome: "unavailable", code: CODE.SERVICE_UNAVAILABLE, reason, device },
    sender,
    ports,
  );
}

/** Silence costs least; a device that is told so would ask again at once. */
function tooOften({ metrics }: BootstrapPorts): undefined {
  metrics.requests.with({ outcome: "tooOften" }).inc();
}

function hasKeys({ servers, bootstrapServer }: BootstrapTarget): boolean {
  return [...servers, bootstrapServer].some((account) => account !== undefined && account.keys.type !== "noSec");
}

/** Why the device is to come again, for now. */
function hindranceOf(device: DeviceRef, { draining, sessions }: BootstrapPorts): RequestRefusal | undefined {
  if (draining()) return "draining";
  return sessions.hasRoom(device) ? undefined : "tooManySessions";
}

/** Makes a key as a session does: of two requests of the device the second is given what the first made. */
async function generateAlone(
  device: DeviceRef,
  declaration: DeviceDeclaration,
  ports: BootstrapPorts,
): Promise<GeneratedKey> {
  const { promise, resolve } = Promise.withResolvers<GeneratedKey>();
  await ports.sessions.run(device, async (signal) => resolve(await generateKey(device, declaration, signal, ports)));
  return promise;
}

/** 2.04 and a session, or 5.03 while there is no room for one more. */
async function begin(
  { incoming, uplink, sender }: Asked,
  { device, target, generating }: Extract<Resolved, { type: "target" }>,
  ports: BootstrapPorts,
): Promise<Outcome> {
  const { sessions, metrics } = ports;
  const registered = await lastRegistered(device, ports);
  const isInClear = sender.securityMode === "NO_SEC";
  // Its port may be another one: the device may have started again.
  const address = parsePeerKey(incoming.peer)?.address ?? "";
  const isElsewhere = isInClear && sessions.isHeldAgainst(device, address);
  const hindrance = isElsewhere ? "anotherAddress" : hindranceOf(device, ports);
  if (hindrance !== undefined) return later(hindrance, ports);
  metrics.requests.with({ outcome: "begun" }).inc();
  const session = {
    device,
    securityMode: sender.securityMode,
    peer: incoming.peer,
    target,
    generating,
    preferredFormat: uplink.type === "bootstrapRequest" ? uplink.preferredFormat : undefined,
    ...registered,
  };
  const { promise: answered, resolve: afterwards } = Promise.withResolvers<void>();
  // It takes its room here, where there is some, and begins when the answer is on its way.
  void sessions.run(device, async (signal, hold) => {
    await answered;
    await runSession(session, signal, ports, () => isInClear && hold(address));
  });
  return { code: CODE.CHANGED, afterwards };
}

/** 2.05 and all that the device is to have (OMA LwM2M Core 1.2 §6.1.7.8). */
function givePack(
  uplink: Extract<BootstrapUplink, { type: "packRequest" }>,
  device: DeviceRef,
  sender: Sender,
  target: BootstrapTarget,
  ports: BootstrapPorts,
): Outcome {
  const { securityMode } = sender;
  const { metrics, events } = ports;
  let pack: EncodedPack;
  try {
    pack = encodePack(target, uplink);
  } catch (error) {
    if (!(error instanceof UnencodableContentError)) throw error;
    const reason = `the Bootstrap-Pack cannot be encoded: ${error.message}`;
    const refused = { type: "refused", outcome: "noConfiguration", code: CODE.NOT_ACCEPTABLE, reason, device } as const;
    return refusal(refused, sender, ports);
  }
  metrics.requests.with({ outcome: "packed" }).inc();
  const { payload, written, omission: reason = "" } = pack;
  const servers = serversOf(written);
  const code = formatCode(CODE.CONTENT);
  const tell = events.session(device);
  tell({ step: Step.BOOTSTRAP_STEP_STARTED, code, securityMode, servers });
  tell({ step: Step.BOOTSTRAP_STEP_PACKED, code, reason, servers, result: Result.BOOTSTRAP_RESULT_SUCCEEDED });
  return { code: CODE.CONTENT, options: [uintOption(OPTION.CONTENT_FORMAT, uplink.acceptedFormat)], payload };
}

function refusal({ outcome, code, reason, device }: Refused, sender: Sender, ports: BootstrapPorts): Outcome {
  const { metrics, events, strangers } = ports;
  metrics.requests.with({ outcome }).inc();
  // In the clear a name that is not provisioned so is anybody's word.
  const isStranger = sender.securityMode === "NO_SEC" && outcome === "unknownDevice";
  const securityMode = isStranger ? "" : sender.securityMode;
  if (device !== undefined && (!isStranger || strangers.isNews(device)))
    events.refused(device, { code: formatCode(code), reason, securityMode });
  return refuse(code, reason);
}

function later(outcome: RequestRefusal, { metrics, random }: BootstrapPorts): Outcome {
  metrics.requests.with({ outcome }).inc();
  return tryLater(random);
}

/** Version and Content-Formats that a device had when it last registered: what it says of them itself while it bootstraps is less, or nothing. */
async function lastRegistered(
  { tenant, endpoint }: DeviceRef,
  { devices }: BootstrapPorts,
): Promise<{ registeredVersion: LwM2mVersion | undefined; registeredFormats: readonly number[] }> {
  const state = await devices.get({ tenant, endpoint });
  if (state === undefined) return { registeredVersion: undefined, registeredFormats: [] };
  const { lwm2mVersion, objectLinks } = state.registration;
  try {
    const { contentFormats } = parseObjectLinks(objectLinks, lwm2mVersion);
    return { registeredVersion: lwm2mVersion as LwM2mVersion, registeredFormats: contentFormats };
  } catch (error) {
    // Accepted by another release of Ferry, perhaps: then nobody knows.
    if (error instanceof ObjectLinksError) return { registeredVersion: undefined, registeredFormats: [] };
    throw error;
  }
}
