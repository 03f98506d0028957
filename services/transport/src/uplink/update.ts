import { CODE } from "@ferry/coap";
import { isDtlsPeer } from "@ferry/dtls-endpoint";
import { keepRootLink, type Update } from "@ferry/lwm2m";
import { registrationIdShard } from "@ferry/state";
import { logLine } from "../communication-log.ts";
import { reconcile, resume, serveAnew, setUp } from "../downlink/reconcile.ts";
import { hear } from "../hear.ts";
import { publishChange } from "../lifecycle.ts";
import { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { serveWaiting } from "../sleepers.ts";
import type { Source } from "../source.ts";
import { adopt, forgetElsewhere } from "../take-over.ts";
import { answerUnknown, tooManyRequests, type UplinkResponse } from "./response.ts";
import type { UplinkRequest } from "./uplink-request.ts";

/**
 * Update: a device prolongs or changes its registration (OMA LwM2M Core 1.1.1 §6.2.2).
 *
 * Answers 2.04 Changed, 4.29 beyond a rate limit, or as `answerUnknown` when the registration is unknown, ended or another sender's. One Redis call, which also takes ownership.
 */
export async function update(
  request: UplinkRequest,
  uplink: Update,
  ports: TransportPorts,
): Promise<UplinkResponse | undefined> {
  const shard = registrationIdShard(uplink.registrationId);
  if (shard === undefined) return { code: CODE.NOT_FOUND };

  const { registrationId, lifetimeS, smsNumber } = uplink;
  const { peer, source } = request;
  const waitMs = admitUpdate(ports.ownership.byRegistrationId(registrationId, source.sender), ports);
  if (waitMs > 0) return tooManyRequests(waitMs);

  const objectLinks =
    uplink.objectLinks === undefined
      ? undefined
      : await completeLinks(uplink.objectLinks, registrationId, source, ports);
  const bindingMode = uplink.queueMode ? `${uplink.bindingMode}Q` : uplink.bindingMode;
  const outcome = await ports.devices.update({
    registrationId,
    ...(lifetimeS === undefined ? {} : { lifetimeS }),
    ...(bindingMode === undefined ? {} : { bindingMode }),
    ...(smsNumber === undefined ? {} : { smsNumber }),
    ...(objectLinks === undefined ? {} : { objectLinks }),
    peer: source.address,
    sender: source.sender,
    node: ports.node,
    nowMs: ports.clock.wallMs(),
  });
  if (outcome.type === "notFound") return answerUnknown(ports);

  ports.metrics.updates.inc();
  const known = ports.ownership.byRegistrationId(registrationId, source.sender);
  const ours = known !== undefined && known.owner.epoch === outcome.state.owner.epoch;
  const device = ours ? known : adopt(outcome.state, source, ports);
  if (ours) {
    // It makes a new association when the old one is of no use any more; what it notified then was not acknowledged, and it gave that up (RFC 7641 §4.5).
    if (isDtlsPeer(peer) && known.peer !== peer) for (const held of known.observations.values()) held.confirmed = false;
    const linksChanged = known.registration.objectLinks !== outcome.state.registration.objectLinks;
    known.revalidated(outcome.state, ports.clock.monotonicMs());
    ports.sleepers.watch(known);
    hear(known, peer, ports);
    if (linksChanged) serveAnew(known, ports);
  } else if (outcome.previousOwner !== undefined) forgetElsewhere(device, outcome.previousOwner, ports);
  const { changes, state, outboxId } = outcome;
  const { registration, owner, observations } = state;
  const change = { event: "updated", registration, owner, atMs: registration.updatedAtMs, changes } as const;
  publishChange(change, observations, shard, outboxId, ports);
  return {
    code: CODE.CHANGED,
    afterwards: () => {
      logLine(device, `[${registrationId}][/${source.address}] Updated registration.`, ports);
      serveWaiting(device, ports);
      if (ours) reconcile(device, ports);
      else {
        ports.sleepers.arrived(device);
        // What it had before, nobody here knows.
        if (objectLinks === undefined) resume(device, false, ports);
        else setUp(device, ports, registration);
      }
    },
  };
}

/** The first Update at a node is not counted: whose it is, only the store knows. */
function admitUpdate(known: OwnedDevice | undefined, { limits, clock }: TransportPorts): number {
  return known === undefined ? 0 : limits.admit(known, clock.monotonicMs());
}

/** Of a device of another node the links of before come with the claim that the Update makes anyway. */
async function completeLinks(
  links: string,
  registrationId: string,
  source: Source,
  { ownership, takeOver }: TransportPorts,
): Promise<string> {
  const known =
    ownership.byRegistrationId(registrationId, source.sender) ??
    (await takeOver.claim({ type: "registrationId", registrationId }, source));
  return known instanceof OwnedDevice ? keepRootLink(links, known.registration.objectLinks) : links;
}
