import { CODE, codeClass, uriPath } from "@ferry/coap";
import type { Uplink } from "@ferry/lwm2m";
import { logLine } from "../communication-log.ts";
import { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import type { UplinkResponse } from "./response.ts";
import type { UplinkRequest } from "./uplink-request.ts";

/** Class of the codes of success (RFC 7252 §5.9.1). */
const SUCCESS = 2;

/** What an answer without a diagnostic payload means. */
const REASONS: Readonly<Record<number, string>> = {
  [CODE.NOT_FOUND]: "the registration is unknown or has ended",
  [CODE.TOO_MANY_REQUESTS]: "it is beyond a rate limit",
  [CODE.SERVICE_UNAVAILABLE]: "the registrations cannot be reached",
};

/**
 * Tells a Register, Update or Deregister that failed in the log of the device, where this node has that.
 *
 * A Register names no registration: it is told in the log of the device that has its source address, unless it names another endpoint.
 */
export function logFailure(
  { code: method, options, peer, source }: UplinkRequest,
  uplink: Uplink,
  { code, payload }: UplinkResponse,
  ports: TransportPorts,
): void {
  if (codeClass(code) === SUCCESS) return;
  const [interfaceName, registrationId] = uriPath(options);
  if (interfaceName !== "rd") return;
  const device =
    registrationId === undefined
      ? (ports.ownership.bySender(source.sender) ?? ports.ownership.byPeer(peer))
      : ports.ownership.byRegistrationId(registrationId, source.sender);
  if (!(device instanceof OwnedDevice)) return;
  if (uplink.type === "register" && (uplink.endpoint ?? device.endpoint) !== device.endpoint) return;

  const reason = payload === undefined ? (REASONS[code] ?? "it is refused") : Buffer.from(payload).toString();
  logLine(device, `${beginning(method, registrationId)} ${reason}`, ports);
}

function beginning(method: number, registrationId: string | undefined): string {
  if (registrationId === undefined) return "warn: Client registration failed due to:";
  return method === CODE.DELETE ? "error: Client Unable un Registration," : "error: Client update Registration,";
}
