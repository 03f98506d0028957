import { CODE } from "@ferry/coap";
import { parseUplink } from "@ferry/lwm2m";
import { StateUnavailableError } from "@ferry/state";
import type { IncomingRequest } from "../coap-server.ts";
import type { TransportPorts } from "../ports.ts";
import { deregister } from "./deregister.ts";
import { register } from "./register.ts";
import { refuse, tryLater, type UplinkResponse } from "./response.ts";
import { update } from "./update.ts";

/** Answers a request of a device; the one place where failures of Redis become 5.03. */
export async function serveUplink(request: IncomingRequest, ports: TransportPorts): Promise<void> {
  const response = await routeUplink(request, ports);
  ports.coap.respond(request.handle, response.code, response.options, response.payload);
  response.afterwards?.();
}

async function routeUplink(request: IncomingRequest, ports: TransportPorts): Promise<UplinkResponse> {
  const uplink = parseUplink(request.code, request.options, request.payload);
  try {
    switch (uplink.type) {
      case "register":
        return await register(request, uplink, ports);
      case "update":
        return await update(request, uplink, ports);
      case "deregister":
        return await deregister(uplink, ports);
      case "send":
        // Over NoSec a Send shows no registration id and no token: nothing in it says whose it is.
        return refuse(CODE.BAD_REQUEST, "Send needs a secure association: in the clear nothing in it names the device");
      case "refusal":
        ports.metrics.refusedRequests.inc();
        return refuse(uplink.code, uplink.diagnostic);
    }
  } catch (error) {
    if (!(error instanceof StateUnavailableError)) throw error;
    ports.stateEpisode.failed(error);
    return tryLater(ports.random);
  }
}
