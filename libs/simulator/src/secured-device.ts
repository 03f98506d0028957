import type { Machine, PeerKey, Random } from "@ferry/coap";
import {
  type ClientSession,
  cipherSuite,
  DtlsClient,
  type DtlsClientOptions,
  type DtlsClientOutput,
} from "@ferry/dtls";
import type { DeviceInput, DeviceOutput } from "./device-io.ts";
import { earliest } from "./earliest.ts";

/** How a simulated device secures what it sends. */
export interface DeviceSecurity extends Omit<DtlsClientOptions, "random" | "wallMs"> {
  /** Whether it resumes its session when it connects again; true by default. */
  readonly resume?: boolean;
}

export interface SecuredDeviceSettings extends DeviceSecurity {
  /** The server, as datagrams name it. */
  readonly server: PeerKey;
  readonly random: Random;
  /** Ms since 1970, for the validity of certificates. */
  readonly wallMs: () => number;
}

/** Datagrams that wait for an association; when reached, the oldest is lost. */
const MAX_WAITING = 16;
/** After a handshake that failed the next one waits 1 s, then twice as long each time up to a minute; up to half of it less, by chance. */
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/**
 * A device behind DTLS. What it sends waits until there is an association; one is made when there is something to send, and anew when the server
 * does not answer: it may have lost its own. Commands and events pass by.
 */
export class SecuredDevice implements Machine<DeviceInput, DeviceOutput> {
  readonly #device: Machine<DeviceInput, DeviceOutput>;
  readonly #settings: SecuredDeviceSettings;
  readonly #client: DtlsClient;
  #waiting: Uint8Array[] = [];
  #session: ClientSession | undefined;
  /** The server has not answered through the association that there is. */
  #isSuspect = false;
  #failures = 0;
  #retryMs = Number.NEGATIVE_INFINITY;

  constructor(device: Machine<DeviceInput, DeviceOutput>, settings: SecuredDeviceSettings) {
    this.#device = device;
    this.#settings = settings;
    this.#client = new DtlsClient(settings);
  }

  handle(input: DeviceInput, nowMs: number): DeviceOutput[] {
    if (input.type !== "datagram") return this.#pass(this.#device.handle(input, nowMs), nowMs);
    if (input.peer !== this.#settings.server) return [];
    return this.#follow(this.#client.handle(input, nowMs), nowMs);
  }

  tick(nowMs: number): DeviceOutput[] {
    const secured = this.#follow(this.#client.tick(nowMs), nowMs);
    return [...secured, ...this.#pass(this.#device.tick(nowMs), nowMs)];
  }

  get deadlineMs(): number | undefined {
    return earliest([this.#client.deadlineMs, this.#device.deadlineMs]);
  }

  /** What the device gives back: datagrams are secured. */
  #pass(outputs: readonly DeviceOutput[], nowMs: number): DeviceOutput[] {
    return outputs.flatMap((output) => {
      if (output.type === "send") return this.#send(output.bytes, nowMs);
      const isTimeout = output.type === "undelivered" && output.reason === "timeout";
      if (output.type === "unanswered" || isTimeout) this.#isSuspect = true;
      // Nothing will be said until the device registers, or is bootstrapped, again.
      const isLast = output.type === "deregistered" || output.type === "bootstrapLeft";
      const farewell = isLast ? this.#client.handle({ type: "close" }, nowMs) : [];
      return [output, ...this.#follow(farewell, nowMs)];
    });
  }

  #send(bytes: Uint8Array, nowMs: number): DeviceOutput[] {
    const { state } = this.#client;
    if (state === "established" && !this.#isSuspect) {
      return this.#follow(this.#client.handle({ type: "send", bytes }, nowMs), nowMs);
    }
    this.#wait(bytes);
    if (state === "connecting") return [];
    if (nowMs < this.#retryMs) {
      // Lost, as all is on a link that is down; what matters is sent again.
      this.#waiting = [];
      return [];
    }
    this.#isSuspect = false;
    const connect = this.#session === undefined ? {} : { session: this.#session };
    return this.#follow(this.#client.handle({ type: "connect", ...connect }, nowMs), nowMs);
  }

  /** A retransmission of what waits already adds nothing. */
  #wait(bytes: Uint8Array): void {
    if (this.#waiting.some((it) => Buffer.compare(it, bytes) === 0)) return;
    if (this.#waiting.length === MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(bytes);
  }

  #follow(outputs: readonly DtlsClientOutput[], nowMs: number): DeviceOutput[] {
    return outputs.flatMap((output) => this.#react(output, nowMs));
  }

  #react(output: DtlsClientOutput, nowMs: number): DeviceOutput[] {
    const { server: peer, resume = true } = this.#settings;
    switch (output.type) {
      case "send":
        return [{ type: "send", peer, bytes: output.bytes }];
      case "received":
        return this.#pass(this.#device.handle({ type: "datagram", peer, bytes: output.bytes }, nowMs), nowMs);
      case "established": {
        this.#failures = 0;
        this.#session = resume ? output.session : undefined;
        const suite = cipherSuite(output.suite)?.name ?? "";
        const hasCid = (output.serverCid?.length ?? 0) > 0;
        const waiting = this.#waiting.splice(0).flatMap((bytes) => this.#send(bytes, nowMs));
        return [{ type: "associated", suite, resumed: output.resumed, hasCid }, ...waiting];
      }
      case "failed": {
        this.#waiting = [];
        this.#session = undefined;
        this.#retryMs = nowMs + this.#backOffMs();
        return [{ type: "associationFailed", reason: output.reason, detail: output.detail }];
      }
      case "closed":
        return [{ type: "associationEnded", reason: output.reason }];
    }
  }

  #backOffMs(): number {
    const [byte = 0] = this.#settings.random(1);
    return Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS) * (1 - byte / 512);
  }
}
