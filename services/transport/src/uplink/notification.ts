import { RecordTooLargeError } from "@ferry/bus";
import { CODE, codeClass, isFresher, OPTION, readUintOption } from "@ferry/coap";
import { COMPOSITE_FORMATS, formatContentFormat, toCoapRequest, UndecodableContentError } from "@ferry/lwm2m";
import { readOf } from "@ferry/profile";
import { lwm2m } from "@ferry/proto";
import type { IncomingNotification } from "@ferry/runtime";
import { eventId, parseToken, TOKEN_KIND } from "@ferry/state";
import { decodeReported, type Reported, reportedFormat } from "../decode-reported.ts";
import { tokenFor } from "../downlink/perform.ts";
import { confirm, isUnsettled, reconcile } from "../downlink/reconcile.ts";
import { PRIORITY } from "../downlink/work-queue.ts";
import { forwardResponse } from "../forward-response.ts";
import type { GapReason } from "../gaps.ts";
import { hear } from "../hear.ts";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import { requestBounds, requestTimeoutMs } from "../reachability.ts";
import { nextHead } from "../record-writer.ts";
import { type Source, sourceOf } from "../source.ts";
import type { TakeOver } from "../take-over.ts";
import { publishValues } from "../telemetry.ts";
import { tokenKey } from "../token-key.ts";
import { undecodableRecord } from "./undecodable.ts";

/**
 * Notify: values that a device reports for an observation (OMA LwM2M Core 1.1.1 §6.4.2, RFC 7641).
 *
 * A CON is acknowledged once Kafka has its record, and never before: without the ACK the device sends it again, to whatever node then lives.
 * At the owner all is decided from memory; elsewhere a claim comes first. RST means "nobody wants this", so it is never sent while Redis is in doubt.
 */
export class Notifications {
  readonly #ports: TransportPorts;
  readonly #takeOver: TakeOver;

  constructor(ports: TransportPorts, takeOver: TakeOver) {
    this.#ports = ports;
    this.#takeOver = takeOver;
  }

  handle(notification: IncomingNotification): void {
    const { ownership, coap, node, dtls } = this.#ports;
    const source = sourceOf(notification.peer, dtls);
    if (source === undefined) {
      coap.abandon(notification.handle);
      return;
    }
    const parts = parseToken(notification.token);
    if (parts === undefined) {
      coap.reset(notification.handle);
      return;
    }
    if (parts.kind === TOKEN_KIND.request) {
      if (parts.slot !== undefined && parts.slot !== node.slot) this.#forward(notification, parts.slot, source);
      else coap.reset(notification.handle); // A late answer to a request that was given up.
      return;
    }
    const device = ownership.byToken(notification.token, source.sender);
    if (device !== undefined) {
      this.#deliver(device, notification);
      return;
    }
    void this.#claimThenDeliver(notification, source);
  }

  /** Whose it is, the other node knows; what strangers forge must not fill its partition. */
  #forward(notification: IncomingNotification, slot: number, source: Source): void {
    const { limits, clock, coap } = this.#ports;
    if (limits.mayLookUp(source.sender, clock.monotonicMs())) void forwardResponse(notification, slot, this.#ports);
    else coap.abandon(notification.handle);
  }

  async #claimThenDeliver(notification: IncomingNotification, source: Source): Promise<void> {
    const { token, handle } = notification;
    const { coap, limits, clock } = this.#ports;
    const { sender } = source;
    if (!limits.mayLookUp(sender, clock.monotonicMs())) return coap.abandon(handle);
    const claimed = await this.#takeOver.claim({ type: "token", token }, source);
    if (claimed !== "unknown") limits.found(sender, clock.monotonicMs());
    if (claimed === "unavailable") return coap.abandon(handle);
    if (claimed === "unknown") return coap.reset(handle);
    this.#deliver(claimed, notification);
  }

  #deliver(device: OwnedDevice, notification: IncomingNotification): void {
    const ports = this.#ports;
    const held = device.observations.get(tokenKey(notification.token));
    if (held === undefined) {
      ports.coap.reset(notification.handle);
      return;
    }
    const nowMs = ports.clock.monotonicMs();
    const moved = notification.peer !== device.peer;
    hear(device, notification.peer, ports);
    if (moved || nowMs - device.revalidatedAtMs > ports.settings.revalidateAfterMs) this.#takeOver.revalidate(device);

    if (codeClass(notification.code) !== 2) {
      this.#ended(device, held, notification);
      return;
    }
    if (ports.values.pressure === "shedding") {
      this.#shed(device, notification, "pressure");
      return;
    }
    if (ports.limits.admit(device, nowMs) > 0) {
      this.#shed(device, notification, "limit");
      return;
    }
    if (notification.more !== undefined && misplacedFormat(notification, held) === undefined) {
      this.#fetchRest(device, held, notification);
      return;
    }
    this.#publish(device, held, notification, notification.payload);
  }

  #publish(device: OwnedDevice, held: HeldObservation, notification: IncomingNotification, payload: Uint8Array): void {
    const ports = this.#ports;
    const monotonicMs = ports.clock.monotonicMs();
    const stale = this.#isStale(held, notification, monotonicMs);
    const nowMs = ports.clock.wallMs();
    const id = this.#eventId(device, notification, payload);
    let pack: Reported;
    try {
      pack = this.#decode(device, held, notification, payload, nowMs);
    } catch (error) {
      if (!(error instanceof UndecodableContentError)) throw error;
      this.#undecodable(device, held, notification, payload, error.message);
      return;
    }
    ports.metrics.notifications.with({ type: notification.confirmable ? "con" : "non" }).inc();
    const source = lwm2m.v1.ValueSource.VALUE_SOURCE_NOTIFY;
    this.#settle(
      notification,
      monotonicMs,
      device,
      () => {
        const origin = { source, eventId: id, stale, nowMs, partial: held.partial };
        const published = publishValues(device, pack.values, origin, ports);
        if (pack.faults.length === 0) return published;
        const told = this.#tellUndecodable(device, held, notification, payload, pack.faults.join("; "));
        return Promise.all([published, told]).then(() => undefined);
      },
      // It will never fit: what cannot be published whole is told of before it is acknowledged.
      () => this.#undecodable(device, held, notification, payload, "its values make a record larger than Kafka takes"),
    );
    confirm(held, monotonicMs); // It notifies, so the device holds it.
    if (isUnsettled(device, monotonicMs)) ports.pacer.soon(device);
  }

  /** The values of a payload. Of an Observe-Composite those at the paths that were asked for: others nobody wants. @throws {UndecodableContentError} */
  #decode(
    device: OwnedDevice,
    held: HeldObservation,
    notification: IncomingNotification,
    payload: Uint8Array,
    nowMs: number,
  ): Reported {
    const misplaced = misplacedFormat(notification, held);
    if (misplaced !== undefined) throw new UndecodableContentError(misplaced);
    const { options } = notification;
    const reported = decodeReported({ options, payload }, held.paths, isComposite(held), device.serving, nowMs);
    if (reported.stray > 0) this.#ports.metrics.strayValues.inc(reported.stray);
    return reported;
  }

  /** Acknowledges when what was written is accepted; stays silent when it was not. */
  #settle(
    notification: IncomingNotification,
    sinceMs: number,
    device: OwnedDevice,
    write: () => Promise<void> | undefined,
    onTooLarge: () => void,
  ): void {
    const { coap, clock, metrics } = this.#ports;
    const { handle, confirmable } = notification;
    const accepted = write();
    if (accepted === undefined) {
      coap.acknowledge(handle);
      if (confirmable) device.acknowledged(sinceMs, sinceMs);
      return;
    }
    accepted.then(
      () => {
        coap.acknowledge(handle);
        const nowMs = clock.monotonicMs();
        metrics.notificationSeconds.observe((nowMs - sinceMs) / 1000);
        if (confirmable) device.acknowledged(sinceMs, nowMs);
      },
      (error: unknown) => {
        if (error instanceof RecordTooLargeError) onTooLarge();
        else this.#unpublished(error, device, notification);
      },
    );
  }

  #unpublished(error: unknown, device: OwnedDevice, notification: IncomingNotification): void {
    const { metrics, gaps, unpublished } = this.#ports;
    unpublished(error);
    metrics.unacknowledged.with({ reason: "bus" }).inc();
    if (!notification.confirmable) gaps.drop(device, "pressure");
    this.#abandon(device, notification);
  }

  /** What cannot be taken in now, or not whole: a CON stays unanswered, for the device to send again, and a NON is dropped and told of. */
  #shed(device: OwnedDevice, notification: IncomingNotification, reason: GapReason): void {
    const { metrics, gaps } = this.#ports;
    metrics.unacknowledged.with({ reason }).inc();
    if (!notification.confirmable) gaps.drop(device, reason);
    this.#abandon(device, notification);
  }

  /** Leaves a notification without ACK. */
  #abandon(device: OwnedDevice, { handle, confirmable }: IncomingNotification): void {
    const { coap, clock } = this.#ports;
    coap.abandon(handle);
    if (confirmable) device.unacknowledgedSinceMs ??= clock.monotonicMs();
  }

  /** The first block is acknowledged with the rest: only then is the notification durable. */
  #fetchRest(device: OwnedDevice, held: HeldObservation, notification: IncomingNotification): void {
    const ports = this.#ports;
    const { more, payload } = notification;
    if (more === undefined) return;
    const fetch = async (): Promise<void> => {
      const { blockSize, etag } = more;
      const request = toCoapRequest(readOf(held.paths), {
        format: contentFormat(notification, device, held),
        rootPath: device.serving.supported.rootPath,
      });
      const { answered, giveUp } = ports.coap.request({
        peer: device.peer,
        ...request,
        token: tokenFor(device, ports),
        responseTimeoutMs: ports.settings.responseTimeoutMs,
        ...requestBounds(device, ports.settings, ports.clock.monotonicMs()),
        giveUpAfterMs: requestTimeoutMs(device.serving.power),
        continueFrom: { body: payload, blockSize, ...(etag === undefined ? {} : { etag }) },
      });
      const underWay = { repeatable: true, abort: giveUp };
      device.underWay = underWay;
      const result = await answered;
      if (device.underWay === underWay) device.underWay = undefined;
      if (result.type === "failed" || result.response.code !== CODE.CONTENT) {
        this.#shed(device, notification, "rest");
        return;
      }
      this.#publish(device, held, notification, result.response.payload);
    };
    // Dropped, a CON is heard again: by its next copy, of the registration that the device has by then.
    device.work.add(PRIORITY.notificationBlocks, fetch, () => this.#shed(device, notification, "rest"));
  }

  /** An error code ends the observation (RFC 7641 §4.2); it is made anew if the profile still wants it. */
  #ended(device: OwnedDevice, held: HeldObservation, { handle }: IncomingNotification): void {
    this.#ports.coap.acknowledge(handle);
    held.confirmed = false;
    reconcile(device, this.#ports);
  }

  #isStale(held: HeldObservation, { observe }: IncomingNotification, nowMs: number): boolean {
    if (observe === undefined) return false;
    // Equal is the same notification once more, after it could not be published.
    const older =
      held.observe !== undefined &&
      observe !== held.observe &&
      !isFresher(held.observe, held.observedAtMs, observe, nowMs);
    if (older) return true;
    held.observe = observe;
    held.observedAtMs = nowMs;
    return false;
  }

  #undecodable(
    device: OwnedDevice,
    held: HeldObservation,
    notification: IncomingNotification,
    payload: Uint8Array,
    reason: string,
  ): void {
    const tooLarge = (): void => this.#abandon(device, notification); // Bounded: it fits.
    this.#settle(
      notification,
      this.#ports.clock.monotonicMs(),
      device,
      () => this.#tellUndecodable(device, held, notification, payload, reason),
      tooLarge,
    );
  }

  #tellUndecodable(
    device: OwnedDevice,
    held: HeldObservation,
    notification: IncomingNotification,
    payload: Uint8Array,
    reason: string,
  ): Promise<void> {
    const { metrics, records, clock } = this.#ports;
    metrics.undecodable.inc();
    const head = nextHead(device, this.#eventId(device, notification, payload), clock.wallMs());
    const format = contentFormat(notification, device, held);
    return records.lifecycle(head, undecodableRecord(reason, { payload, path: held.base, contentFormat: format }));
  }

  #eventId(
    device: OwnedDevice,
    { confirmable, messageId, token, observe }: IncomingNotification,
    payload: Uint8Array,
  ): Uint8Array {
    const { tenant, endpoint, registrationId } = device.registration;
    return eventId({
      tenant,
      endpoint,
      registrationId,
      messageType: confirmable ? 0 : 1,
      messageId,
      token,
      observe,
      payload,
    });
  }
}

/** What the payload is in: what the device says, else what it must be for the path. */
function contentFormat(notification: IncomingNotification, { serving }: OwnedDevice, held: HeldObservation): number {
  return reportedFormat(notification, held.paths, isComposite(held), serving);
}

function isComposite({ paths }: HeldObservation): boolean {
  return paths.length > 1;
}

/** What is wrong with the Content-Format of an Observe-Composite's payload: only some can say where their values are. */
function misplacedFormat({ options }: IncomingNotification, { paths }: HeldObservation): string | undefined {
  if (paths.length === 1) return undefined; // It is no composite one.
  const format = readUintOption(options, OPTION.CONTENT_FORMAT);
  if (format === undefined) return "a composite payload needs a Content-Format";
  if (COMPOSITE_FORMATS.includes(format)) return undefined;
  return `a composite payload cannot be ${formatContentFormat(format)}`;
}
