/**
 * Devices for `transport.bench.ts`, in a process of their own: each has a socket, answers Observe, and registers, updates or notifies when told to.
 * They are as little as a device can be, so that they leave the machine to the server.
 */
import { randomBytes, randomInt } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CODE,
  type CoapOption,
  decodeMessage,
  encodeMessage,
  isRequestCode,
  MESSAGE_TYPE,
  type MessageType,
  OPTION,
  readStringOptions,
  stringOption,
  uintOption,
  uriOptions,
} from "@ferry/coap";
import { DtlsClient, type DtlsClientInput } from "@ferry/dtls";
import { driveMachine, type MachineDriver, wallMs } from "@ferry/runtime";
import { CONNECT_LOOP, closedLoop, type LoopResult } from "./closed-loop.ts";
import { clientOptions, endpointOf, sourceAddress } from "./dtls-devices.ts";

/** How devices secure what they send: in the clear, or by a pre-shared key and with Connection ID. */
export type LoadSecurity = "none" | "DTLS-PSK";

/** What the devices are told. */
export type LoadCommand =
  /** Makes devices; with DTLS each makes its association. */
  | {
      readonly type: "connect";
      readonly security: LoadSecurity;
      readonly port: number;
      readonly first: number;
      readonly count: number;
    }
  /** Registers them; done when each holds an observation. */
  | { readonly type: "register" }
  | { readonly type: "update" | "notifyCon"; readonly count: number }
  | { readonly type: "notifyNon"; readonly count: number; readonly perSecond: number };

/** What came of it: latencies are from datagram out to acknowledgement in, zero for NON. */
export interface LoadResult extends LoopResult {
  readonly seconds: number;
  readonly retransmissions: number;
}

/** ACK_TIMEOUT and MAX_RETRANSMIT (RFC 7252 §4.8). */
const ACK_TIMEOUT_MS = 2_000;
const MAX_RETRANSMIT = 4;
const OBSERVE_TIMEOUT_MS = 60_000;
const HANDSHAKE_TIMEOUT_MS = 20_000;
const LWM2M_TLV = 11542;
const NO_BYTES = new Uint8Array(0);
const REGISTER_LINKS = Buffer.from("</1/0>,</3/0>,</4/0>,</5/0>");

/** Device (object 3) in TLV, the battery level first, so that its value is the third byte. */
const VALUES: Buffer = Buffer.concat([
  resource(9, Buffer.of(80)),
  resource(0, Buffer.from("Acme Sensors")),
  resource(1, Buffer.from("AS-100")),
  resource(2, Buffer.from("SN-00012345")),
  resource(3, Buffer.from("1.4.2")),
  resource(10, Buffer.of(0x3c, 0x00)),
  Buffer.of(0x83, 11, 0x41, 0, 0),
  resource(13, Buffer.of(0x6a, 0, 0, 0)),
  resource(14, Buffer.from("+01:00")),
  resource(15, Buffer.from("Europe/Berlin")),
  resource(16, Buffer.from("U")),
]);

/** A Resource with Value (TS-Core 1.1.1 §7.4.5). */
function resource(id: number, value: Buffer): Buffer {
  const head = value.length < 8 ? Buffer.of(0xc0 | value.length, id) : Buffer.of(0xc8, id, value.length);
  return Buffer.concat([head, value]);
}

interface Exchange {
  readonly messageId: number;
  readonly ended: (code: number | undefined, options: readonly CoapOption[]) => void;
}

class Device {
  readonly endpoint: string;
  location: string[] = [];
  token: Uint8Array | undefined;
  retransmissions = 0;
  readonly #socket: Socket = createSocket("udp4");
  readonly #payload: Buffer = Buffer.from(VALUES);
  /** Random: a port may have been another device's a minute ago, and the server remembers Message IDs. */
  #messageId: number = randomInt(0x10000);
  #sequence = 0;
  #exchange: Exchange | undefined;
  /** Between the device and its socket, where there is DTLS. */
  #dtls: MachineDriver<DtlsClientInput> | undefined;

  constructor(endpoint: string) {
    this.endpoint = endpoint;
    this.#socket.on("message", (bytes) => {
      if (this.#dtls === undefined) this.#receive(bytes);
      else this.#dtls.handle({ type: "datagram", bytes });
    });
  }

  async open(port: number, address: string): Promise<void> {
    this.#socket.bind(0, address);
    await once(this.#socket, "listening");
    this.#socket.connect(port, "127.0.0.1");
    await once(this.#socket, "connect");
  }

  /** Resolves with whether there is an association. */
  async secure(): Promise<boolean> {
    const options = { ...(await clientOptions("PSK", this.endpoint)), random: randomBytes, wallMs };
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(resolve, HANDSHAKE_TIMEOUT_MS, false);
    this.#dtls = driveMachine(new DtlsClient(options), (output) => {
      if (output.type === "send") this.#socket.send(output.bytes);
      else if (output.type === "received") this.#receive(output.bytes);
      else resolve(output.type === "established");
    });
    this.#dtls.handle({ type: "connect" });
    const isEstablished = await promise;
    clearTimeout(timer);
    return isEstablished;
  }

  async register(): Promise<boolean> {
    const options = [...uriOptions(`/rd?lwm2m=1.1&b=U&lt=36000&ep=${this.endpoint}`), CONTENT_FORMAT_LINKS];
    const { code, options: answered } = await this.#request(options, REGISTER_LINKS);
    this.location = readStringOptions(answered, OPTION.LOCATION_PATH);
    return code === CODE.CREATED;
  }

  async update(): Promise<boolean> {
    const options = this.location.map((segment) => stringOption(OPTION.URI_PATH, segment));
    return (await this.#request(options, NO_BYTES)).code === CODE.CHANGED;
  }

  /** Resolves with whether it was acknowledged. */
  async notifyCon(): Promise<boolean> {
    const messageId = this.#nextMessageId();
    const { code } = await this.#exchangeOf(messageId, this.#notification(MESSAGE_TYPE.CON, messageId));
    return code === CODE.EMPTY;
  }

  notifyNon(): void {
    this.#send(this.#notification(MESSAGE_TYPE.NON, this.#nextMessageId()));
  }

  #notification(type: MessageType, messageId: number): Uint8Array {
    this.#sequence += 1;
    return this.#content(type, messageId, this.token ?? NO_BYTES);
  }

  #content(type: MessageType, messageId: number, token: Uint8Array): Uint8Array {
    this.#payload[2] = this.#sequence % 100;
    const options = [uintOption(OPTION.OBSERVE, this.#sequence), CONTENT_FORMAT_TLV];
    return encodeMessage({ type, code: CODE.CONTENT, messageId, token, options, payload: this.#payload });
  }

  #request(
    options: readonly CoapOption[],
    payload: Uint8Array,
  ): Promise<{ code: number | undefined; options: readonly CoapOption[] }> {
    const messageId = this.#nextMessageId();
    const token = Uint8Array.of(messageId >> 8, messageId);
    const sorted = options.toSorted((a, b) => a.number - b.number);
    const [type, code] = [MESSAGE_TYPE.CON, CODE.POST];
    return this.#exchangeOf(messageId, encodeMessage({ type, code, messageId, token, options: sorted, payload }));
  }

  #exchangeOf(
    messageId: number,
    datagram: Uint8Array,
  ): Promise<{ code: number | undefined; options: readonly CoapOption[] }> {
    return new Promise((resolve) => {
      let attempts = 0;
      const send = (): void => {
        if (attempts > MAX_RETRANSMIT) {
          ended(undefined, []);
          return;
        }
        if (attempts > 0) this.retransmissions += 1;
        timer = setTimeout(send, ACK_TIMEOUT_MS * 2 ** attempts++);
        this.#send(datagram);
      };
      const ended: Exchange["ended"] = (code, options) => {
        clearTimeout(timer);
        this.#exchange = undefined;
        resolve({ code, options });
      };
      let timer: NodeJS.Timeout | undefined;
      this.#exchange = { messageId, ended };
      send();
    });
  }

  #receive(bytes: Uint8Array): void {
    const { type, code, messageId, token, options } = decodeMessage(bytes);
    if (isRequestCode(code)) {
      if (options.some(({ number }) => number === OPTION.OBSERVE)) this.token = Uint8Array.from(token);
      this.#send(this.#content(MESSAGE_TYPE.ACK, messageId, token));
      return;
    }
    const exchange = this.#exchange;
    if (exchange?.messageId !== messageId) return;
    exchange.ended(type === MESSAGE_TYPE.RST ? undefined : code, options);
  }

  #send(bytes: Uint8Array): void {
    if (this.#dtls === undefined) this.#socket.send(bytes);
    else this.#dtls.handle({ type: "send", bytes });
  }

  #nextMessageId(): number {
    this.#messageId = (this.#messageId + 1) & 0xffff;
    return this.#messageId;
  }
}

const CONTENT_FORMAT_LINKS = uintOption(OPTION.CONTENT_FORMAT, 40);
const CONTENT_FORMAT_TLV = uintOption(OPTION.CONTENT_FORMAT, LWM2M_TLV);
const devices: Device[] = [];

async function obey(command: LoadCommand): Promise<LoopResult> {
  switch (command.type) {
    case "connect": {
      const { security, first, count, port } = command;
      const isSecure = security === "DTLS-PSK";
      for (let index = first; index < first + count; index++) {
        const device = new Device(isSecure ? endpointOf("PSK", index) : `bench-${index}`);
        await device.open(port, sourceAddress(index));
        devices.push(device);
      }
      if (!isSecure) return { failed: 0, p50Ms: 0, p99Ms: 0 };
      return closedLoop(devices, count, (device) => device.secure(), CONNECT_LOOP);
    }
    case "register": {
      const result = await closedLoop(devices, devices.length, (device) => device.register());
      const deadlineMs = performance.now() + OBSERVE_TIMEOUT_MS;
      while (devices.some(({ token }) => token === undefined) && performance.now() < deadlineMs) await sleep(5);
      return { ...result, failed: result.failed + devices.filter(({ token }) => token === undefined).length };
    }
    case "update":
      return closedLoop(devices, command.count, (device) => device.update());
    case "notifyCon":
      return closedLoop(devices, command.count, (device) => device.notifyCon());
    case "notifyNon": {
      const startMs = performance.now();
      for (let sent = 0; sent < command.count; await sleep(5)) {
        const due = Math.min(command.count, ((performance.now() - startMs) * command.perSecond) / 1000);
        for (; sent < due; sent++) (devices[sent % devices.length] as Device).notifyNon(); // Below the length.
      }
      return { failed: 0, p50Ms: 0, p99Ms: 0 };
    }
  }
}

process.on("message", async (command: LoadCommand) => {
  const retransmitted = (): number => devices.reduce((sum, { retransmissions }) => sum + retransmissions, 0);
  const [before, startMs] = [retransmitted(), performance.now()];
  const result = await obey(command);
  const seconds = (performance.now() - startMs) / 1000;
  process.send?.({ ...result, seconds, retransmissions: retransmitted() - before } satisfies LoadResult);
});
