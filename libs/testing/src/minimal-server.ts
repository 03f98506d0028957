import { randomBytes } from "node:crypto";
import { CODE, CoapStack, OPTION, type PeerKey, type StackInput, type StackOutput, stringOption } from "@ferry/coap";
import type { DtlsServer, DtlsServerInput, DtlsServerOutput } from "@ferry/dtls";
import { parseUplink } from "@ferry/lwm2m";
import { driveMachine, type MachineDriver, openUdpSocket } from "@ferry/runtime";
import type { DtlsAnswers } from "./dtls-conversation.ts";

type Of<Type extends StackOutput["type"]> = Extract<StackOutput, { readonly type: Type }>;
type Request = Extract<StackInput, { readonly type: "request" }>;

/** What a server on DTLS needs. */
export interface MinimalDtls {
  readonly server: DtlsServer;
  readonly answers: DtlsAnswers;
}

const DTLS_PEER = "dtls:";

/** What a device registered. */
export interface MinimalRegistration {
  readonly endpoint: string;
  readonly registrationId: string;
  readonly peer: PeerKey;
  readonly objectLinks: string;
}

/** The least an LwM2M server can be: it accepts every Register, Update and Deregister, and acknowledges every notification. */
export interface MinimalServer {
  readonly port: number;
  /** By endpoint: what is registered now. */
  readonly registrations: ReadonlyMap<string, MinimalRegistration>;
  /** Updates seen so far. */
  readonly updates: number;
  /** Notifications seen so far, in order. */
  readonly notifications: readonly Of<"notification">[];
  /** Sends a request to a registered device; resolves to how it ended. */
  request(
    endpoint: string,
    request: Pick<Request, "code" | "options"> & Partial<Pick<Request, "payload" | "token">>,
  ): Promise<Of<"response"> | Of<"failed">>;
  close(): Promise<void>;
}

/** A DTLS server that sends through a socket, and hands on what it hears as from `dtls:<association>`. */
function driveDtls(
  { server, answers }: MinimalDtls,
  send: (bytes: Uint8Array, peer: PeerKey) => void,
  hear: (bytes: Uint8Array, peer: PeerKey) => void,
): MachineDriver<DtlsServerInput> {
  const driver = driveMachine<DtlsServerInput, DtlsServerOutput>(server, (output) => {
    if (output.type === "send") send(output.bytes, output.address);
    if (output.type === "received") hear(output.bytes, `${DTLS_PEER}${output.association.id}`);
    if (output.type !== "question") return;
    const answer = answers.answer(output.question, 0);
    if (answer !== undefined) driver.handle({ type: "answer", question: output.id, answer });
  });
  return driver;
}

/** Starts a server on 127.0.0.1 to test clients against, with DTLS or, by default, in the clear. */
export async function startMinimalServer(dtls?: MinimalDtls): Promise<MinimalServer> {
  const registrations = new Map<string, MinimalRegistration>();
  const notifications: Of<"notification">[] = [];
  const waiting = new Map<number, (outcome: Of<"response"> | Of<"failed">) => void>();
  let updates = 0;
  let lastExchange = 0;

  const socket = await openUdpSocket({
    host: "127.0.0.1",
    port: 0,
    onDatagram: (bytes, peer) =>
      secure === undefined
        ? driver.handle({ type: "datagram", peer, bytes })
        : secure.handle({ type: "datagram", address: peer, bytes }),
    onError: () => undefined,
  });
  const secure =
    dtls &&
    driveDtls(
      dtls,
      (bytes, peer) => socket.send(bytes, peer),
      (bytes, peer) => driver.handle({ type: "datagram", peer, bytes }),
    );
  const driver = driveMachine<StackInput, StackOutput>(new CoapStack({ random: randomBytes }), (output) => {
    switch (output.type) {
      case "send":
        if (secure === undefined) socket.send(output.bytes, output.peer);
        else secure.handle({ type: "send", association: output.peer.slice(DTLS_PEER.length), bytes: output.bytes });
        break;
      case "request":
        driver.handle({ type: "respond", handle: output.handle, ...answer(output) });
        break;
      case "notification":
        notifications.push(output);
        driver.handle({ type: "acknowledge", handle: output.handle });
        break;
      case "response":
      case "failed":
        waiting.get(output.exchange)?.(output);
        waiting.delete(output.exchange);
        break;
      default:
        break;
    }
  });

  function answer({
    code,
    options,
    payload,
    peer,
  }: Of<"request">): Pick<Of<"request">, "code"> & { options?: ReturnType<typeof stringOption>[] } {
    const uplink = parseUplink(code, options, payload);
    switch (uplink.type) {
      case "register": {
        const { endpoint = "", objectLinks } = uplink;
        const registrationId = randomBytes(9).toString("base64url");
        registrations.set(endpoint, { endpoint, registrationId, peer, objectLinks });
        return {
          code: CODE.CREATED,
          options: ["rd", registrationId].map((it) => stringOption(OPTION.LOCATION_PATH, it)),
        };
      }
      case "update":
        updates++;
        return { code: CODE.CHANGED };
      case "deregister":
        for (const { endpoint, registrationId } of registrations.values()) {
          if (registrationId === uplink.registrationId) registrations.delete(endpoint);
        }
        return { code: CODE.DELETED };
      case "send":
        return { code: CODE.CHANGED };
      case "refusal":
        return { code: uplink.code };
    }
  }

  return {
    port: socket.port,
    registrations,
    notifications,
    get updates() {
      return updates;
    },
    request(endpoint, request) {
      const { peer = "" } = registrations.get(endpoint) ?? {};
      const exchange = ++lastExchange;
      return new Promise((resolve) => {
        waiting.set(exchange, resolve);
        driver.handle({ type: "request", exchange, peer, payload: new Uint8Array(), ...request });
      });
    },
    async close() {
      driver.stop();
      secure?.stop();
      await socket.close();
    },
  };
}
