import { CODE } from "@ferry/coap";
import { parseUplink, type Uplink } from "@ferry/lwm2m";
import type { IncomingRequest } from "@ferry/runtime";
import { registrationIdShard, StateUnavailableError } from "@ferry/state";
import type { TransportPorts } from "../ports.ts";
import { provenDevice, sourceOf } from "../source.ts";
import { deregister } from "./deregister.ts";
import { logFailure } from "./log-failure.ts";
import { register } from "./register.ts";
import { refuse, tryLater, type UplinkResponse } from "./response.ts";
import { send } from "./send.ts";
import { update } from "./update.ts";
import type { UplinkRequest } from "./uplink-request.ts";

/** Answers a request of a device, or stays silent, so that the device sends it again; the one place where failures of Redis become 5.03. */
export async function serveUplink(incoming: IncomingRequest, ports: TransportPorts): Promise<void> {
  const source = sourceOf(incoming.peer, ports.dtls);
  if (source === undefined) {
    ports.coap.abandon(incoming.handle);
    return;
  }
  const request: UplinkRequest = { ...incoming, source };
  const uplink = parseUplink(request.code, request.options, request.payload);
  const response = asksRedis(request, uplink, ports)
    ? await routeStranger(request, uplink, ports)
    : await routeUplink(request, uplink, ports);
  if (response === undefined) {
    ports.coap.abandon(request.handle);
    return;
  }
  ports.coap.respond(request.handle, response.code, response.options, response.payload);
  response.afterwards?.();
  logFailure(request, uplink, response, ports);
}

/** Answers that say: nobody of that name. */
const NOBODY: ReadonlySet<number> = new Set([CODE.FORBIDDEN, CODE.NOT_FOUND]);

/** Routes a request whose sender this node does not know, if it may cost a look-up; what strangers send beyond that is dropped. */
async function routeStranger(
  request: UplinkRequest,
  uplink: Uplink,
  ports: TransportPorts,
): Promise<UplinkResponse | undefined> {
  const { limits, clock } = ports;
  const { sender } = request.source;
  if (!limits.mayLookUp(sender, clock.monotonicMs())) return undefined;
  const response = await routeUplink(request, uplink, ports);
  if (response === undefined || !NOBODY.has(response.code)) limits.found(sender, clock.monotonicMs());
  return response;
}

/** Whether Redis must be asked who sends this. A Register of who has proved that is counted as the device's own. */
function asksRedis({ peer, source }: UplinkRequest, uplink: Uplink, { ownership }: TransportPorts): boolean {
  const isProven = provenDevice(source.sender) !== undefined;
  switch (uplink.type) {
    case "register":
      return !isProven;
    case "update":
    case "deregister": {
      const { registrationId } = uplink;
      return (
        registrationIdShard(registrationId) !== undefined && !ownership.byRegistrationId(registrationId, source.sender)
      );
    }
    case "send":
      return (isProven ? ownership.bySender(source.sender) : ownership.byPeer(peer)) === undefined;
    case "refusal":
      return false;
  }
}

async function routeUplink(
  request: UplinkRequest,
  uplink: Uplink,
  ports: TransportPorts,
): Promise<UplinkResponse | undefined> {
  try {
    switch (uplink.type) {
      case "register":
        return await register(request, uplink, ports);
      case "update":
        return await update(request, uplink, ports);
      case "deregister":
        return await deregister(request, uplink, ports);
      case "send":
        return await send(request, uplink, ports);
      case "refusal":
        ports.metrics.refusedRequests.inc();
        return refuse(uplink.code, uplink.diagnostic);
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    ports.metrics.unavailableAnswers.inc();
    return tryLater(ports.random);
  }
}
