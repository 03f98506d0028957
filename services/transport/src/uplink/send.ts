import { RecordTooLargeError } from "@ferry/bus";
import { CODE } from "@ferry/coap";
import {
  type DecodedPack,
  decodePack,
  formatPath,
  type Send,
  supportsPath,
  UndecodableContentError,
} from "@ferry/lwm2m";
import { lwm2m } from "@ferry/proto";
import { type BucketState, type DeviceState, eventId } from "@ferry/state";
import { hear } from "../hear.ts";
import type { OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { nextHead, type RecordSubject } from "../record-writer.ts";
import type { Serving } from "../serving.ts";
import { provenDevice, type Source } from "../source.ts";
import { publishValues } from "../telemetry.ts";
import { refuse, tooManyRequests, tryLater, type UplinkResponse } from "./response.ts";
import { undecodableRecord } from "./undecodable.ts";
import type { UplinkRequest } from "./uplink-request.ts";

/** Whose values a Send reports: a device that is owned here, or one of another node, seen in passing. */
interface Sender extends RecordSubject {
  readonly tenant: string;
  readonly serving: Serving;
  uplinks: BucketState | undefined;
}

/**
 * Send: values that a device reports unasked (OMA LwM2M Core 1.1.1 §6.4.6).
 *
 * Over NoSec nothing in it names the device but its source address, so it publishes and is acknowledged, and that is all: it moves nothing, claims nothing,
 * extends nothing, and does not count as a sign of life. The owner finds the device in memory, another node by a hint that the registration proves.
 * With DTLS its sender is the device of the association, which has been heard by it and is served here from now on.
 *
 * Answers 2.04 Changed once Kafka has the values; 4.04 when no registration, or none of the objects, is known; 4.00 when nothing of it can be decoded;
 * 4.05 to an LwM2M 1.0 device, 4.13 when its values make too large a record, 4.29 beyond a rate limit.
 * `undefined`: silence, while Kafka does not keep up, so that the device sends it again.
 */
export async function send(
  request: UplinkRequest,
  uplink: Send,
  ports: TransportPorts,
): Promise<UplinkResponse | undefined> {
  const response = await report(request, uplink, ports);
  if (response !== undefined) {
    ports.metrics.sends.with({ outcome: response.code === CODE.CHANGED ? "accepted" : "refused" }).inc();
  }
  return response;
}

async function report(
  request: UplinkRequest,
  uplink: Send,
  ports: TransportPorts,
): Promise<UplinkResponse | undefined> {
  const sender = await findSender(request.source, ports);
  if ("code" in sender) return sender;

  const waitMs = ports.limits.admit(sender, ports.clock.monotonicMs());
  if (waitMs > 0) return tooManyRequests(waitMs);
  if (sender.registration.lwm2mVersion === "1.0") return refuse(CODE.METHOD_NOT_ALLOWED, NOT_IN_1_0);
  if (ports.values.pressure === "shedding") return unanswered(sender, request, "pressure", ports);

  const nowMs = ports.clock.wallMs();
  const { supported, models } = sender.serving;
  const undecodable = { payload: uplink.payload, path: [], contentFormat: uplink.contentFormat };
  const id = sendId(sender, request);
  const tell = (reason: string): Promise<void> => {
    ports.metrics.undecodable.inc();
    return ports.records.lifecycle(nextHead(sender, id, nowMs), undecodableRecord(reason, undecodable));
  };
  let pack: DecodedPack;
  try {
    pack = decodePack(uplink.contentFormat, uplink.payload, [], models, nowMs, supported.rootPath);
  } catch (error) {
    if (!(error instanceof UndecodableContentError)) throw error;
    void tell(error.message).catch(ports.unpublished); // The device is told too, and may send it otherwise.
    return refuse(CODE.BAD_REQUEST, error.message.slice(0, MAX_DIAGNOSTIC));
  }
  const stranger = pack.values.find(({ path }) => !isRegistered(sender, path));
  if (stranger !== undefined) return refuse(CODE.NOT_FOUND, notRegistered(stranger.path));

  const source = lwm2m.v1.ValueSource.VALUE_SOURCE_SEND;
  try {
    // Resource instances by their names may be some of the resource's, or all: the payload does not say.
    const origin = { source, eventId: id, stale: false, nowMs, partial: true };
    await Promise.all([
      publishValues(sender, pack.values, origin, ports),
      pack.faults.length > 0 ? tell(pack.faults.join("; ")) : undefined,
    ]);
    return { code: CODE.CHANGED };
  } catch (error) {
    if (!(error instanceof RecordTooLargeError)) {
      ports.unpublished(error);
      return unanswered(sender, request, "bus", ports);
    }
    void tell("its values make a record larger than Kafka takes").catch(ports.unpublished);
    return refuse(CODE.REQUEST_ENTITY_TOO_LARGE, "its values make too large a record: send fewer at a time");
  }
}

const NOT_IN_1_0 = "Send is of LwM2M 1.1, and the device registered with lwm2m=1.0: register with lwm2m=1.1";
const AMBIGUOUS =
  "several registered devices have this address, and in the clear nothing else names the sender: use DTLS";
const UNREGISTERED = "the device is not registered: send a Register first";
/** Longest diagnostic payload, characters. */
const MAX_DIAGNOSTIC = 256;

/** The device that sent it, or the answer when there is none. */
async function findSender(source: Source, ports: TransportPorts): Promise<Sender | UplinkResponse> {
  return provenDevice(source.sender) === undefined ? findByAddress(source.address, ports) : findProven(source, ports);
}

async function findProven(source: Source, ports: TransportPorts): Promise<Sender | UplinkResponse> {
  const owned = ports.ownership.bySender(source.sender);
  const device = owned ?? (await ports.takeOver.claim({ type: "identity" }, source));
  if (device === "unavailable") return tryLater(ports.random);
  if (device === "unknown" || hasLapsed(device, ports)) return refuse(CODE.NOT_FOUND, UNREGISTERED);
  hear(device, source.peer, ports);
  if (ports.clock.monotonicMs() - device.revalidatedAtMs > ports.settings.revalidateAfterMs)
    ports.takeOver.revalidate(device);
  return device;
}

/** The device at an address, or the answer when there is none. */
async function findByAddress(peer: string, ports: TransportPorts): Promise<Sender | UplinkResponse> {
  const owned = ports.ownership.byPeer(peer);
  if (owned === "ambiguous") return refuse(CODE.BAD_REQUEST, AMBIGUOUS);
  if (owned !== undefined) return hasLapsed(owned, ports) ? refuse(CODE.NOT_FOUND, noRegistration(peer)) : owned;

  const found = await ports.devices.findByPeer(peer);
  if (found === "ambiguous") return refuse(CODE.BAD_REQUEST, AMBIGUOUS);
  if (found !== undefined) return visitorOf(found, ports);
  // An emptied Redis knows none of the devices that live.
  if (await ports.storeWatch.inDoubt()) return tryLater(ports.random);
  return refuse(CODE.NOT_FOUND, noRegistration(peer));
}

/** The owner of a device that went on with another node may not have heard of its end. */
function hasLapsed({ registration }: OwnedDevice, { clock, settings }: TransportPorts): boolean {
  return clock.wallMs() > registration.expiresAtMs + settings.expiryGraceMs;
}

function noRegistration(peer: string): string {
  return `no registration found for the address ${peer}: send an Update or a Register from it first`;
}

/** Another node's device: its records carry that owner's epoch, and no place in the owner's order. */
function visitorOf({ registration, owner }: DeviceState, ports: TransportPorts): Sender {
  const { tenant, endpoint } = registration;
  return {
    tenant,
    registration,
    owner,
    serving: ports.servings.of(registration),
    uplinks: ports.limits.visitor(`${tenant}/${endpoint}`),
    nextSequence: () => 0,
  };
}

/** Whether the device registered the Object Instance. Many list an object without its instances: then any counts. */
function isRegistered({ serving: { supported } }: Sender, path: readonly number[]): boolean {
  const [objectId] = path;
  const instances = objectId === undefined ? undefined : supported.objects.get(objectId)?.instances;
  return instances?.length === 0 || supportsPath(supported, path);
}

function notRegistered(path: readonly number[]): string {
  return `${formatPath(path.slice(0, 2))} is not registered: send an Update with its link first`;
}

/** The same on every node, and for every copy of the datagram. */
function sendId(
  { registration: { tenant, endpoint, registrationId } }: Sender,
  { confirmable, messageId, token, payload }: UplinkRequest,
): Uint8Array {
  const messageType = confirmable ? 0 : 1;
  return eventId({ tenant, endpoint, registrationId, messageType, messageId, token, observe: undefined, payload });
}

/** Leaves a CON for the device to send again; what nobody sends again is told of. */
function unanswered(
  sender: Sender,
  { confirmable }: UplinkRequest,
  reason: "pressure" | "bus",
  { metrics, gaps }: TransportPorts,
): undefined {
  metrics.unacknowledged.with({ reason }).inc();
  if (!confirmable) gaps.drop(sender, "pressure");
}
