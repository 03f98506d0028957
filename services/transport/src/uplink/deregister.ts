import { CODE } from "@ferry/coap";
import type { Deregister } from "@ferry/lwm2m";
import { registrationIdShard } from "@ferry/state";
import { logLine } from "../communication-log.ts";
import { publishChange } from "../lifecycle.ts";
import type { TransportPorts } from "../ports.ts";
import { forgetElsewhere } from "../take-over.ts";
import { answerUnknown, type UplinkResponse } from "./response.ts";
import type { UplinkRequest } from "./uplink-request.ts";

/**
 * Deregister: a device takes its leave (OMA LwM2M Core 1.1.1 §6.2.3).
 *
 * Answers 2.02 Deleted, or as `answerUnknown` when the registration is unknown, ended or another sender's.
 */
export async function deregister(
  { source: { sender } }: UplinkRequest,
  uplink: Deregister,
  ports: TransportPorts,
): Promise<UplinkResponse | undefined> {
  const shard = registrationIdShard(uplink.registrationId);
  if (shard === undefined) return { code: CODE.NOT_FOUND };

  const nowMs = ports.clock.wallMs();
  const { registrationId } = uplink;
  const outcome = await ports.devices.deregister({ registrationId, sender, node: ports.node, nowMs });
  if (outcome.type === "notFound") return answerUnknown(ports);

  ports.metrics.deregistrations.inc();
  const known = ports.ownership.byRegistrationId(registrationId, sender);
  if (known !== undefined) {
    logLine(known, "info: Client unRegistration", ports);
    ports.ownership.drop(known);
  } else forgetElsewhere(outcome.registration, outcome.owner, ports);
  const { registration, owner, outboxId } = outcome;
  publishChange({ event: "deregistered", registration, owner, atMs: nowMs }, [], shard, outboxId, ports);
  return { code: CODE.DELETED };
}
