import { randomBytes } from "node:crypto";
import {
  type CoapOption,
  CoapStack,
  type CoapStackSettings,
  type ExchangeId,
  type PeerKey,
  type StackInput,
  type StackOutput,
} from "@ferry/coap";
import { driveMachine, openUdpSocket } from "@ferry/runtime";

type Output<T extends StackOutput["type"]> = Extract<StackOutput, { type: T }>;

/** What the application says to a request. */
export interface Answer {
  readonly code: number;
  readonly options?: readonly CoapOption[];
  readonly payload?: Uint8Array;
}

/** Our stack on a real socket, with an application of the test's. */
export interface CoapEndpoint {
  readonly port: number;
  /** Sends a request; resolves with the response, rejects when the exchange fails. */
  request(input: Omit<StackInput & { type: "request" }, "type" | "exchange">): Promise<Output<"response">>;
  /** Sends a notification; resolves once it is acknowledged. */
  notify(input: Omit<StackInput & { type: "notify" }, "type" | "exchange">): Promise<void>;
  /** Notifications that came in; all are acknowledged. */
  readonly notifications: Output<"notification">[];
  stop(): Promise<void>;
}

/** An exchange that ended without a response. */
export class ExchangeFailedError extends Error {
  override readonly name = "ExchangeFailedError";
}

/** Starts our stack on a free port of the loopback interface. */
export async function startCoapEndpoint(
  answer: (request: Output<"request">) => Answer,
  limits: CoapStackSettings["limits"] = {},
): Promise<CoapEndpoint> {
  const stack = new CoapStack({ random: randomBytes, limits });
  const open = new Map<ExchangeId, PromiseWithResolvers<StackOutput>>();
  const notifications: Output<"notification">[] = [];
  const settle = (exchange: ExchangeId, end: (result: PromiseWithResolvers<StackOutput>) => void): void => {
    const result = open.get(exchange);
    open.delete(exchange);
    if (result !== undefined) end(result);
  };
  const driver = driveMachine<StackInput, StackOutput>(stack, (output) => {
    if (output.type === "send") socket.send(output.bytes, output.peer);
    if (output.type === "request") driver.handle({ type: "respond", handle: output.handle, ...answer(output) });
    if (output.type === "notification") {
      notifications.push(output);
      driver.handle({ type: "acknowledge", handle: output.handle });
    }
    if (output.type === "response" || output.type === "delivered") {
      settle(output.exchange, ({ resolve }) => resolve(output));
    }
    if (output.type === "failed") {
      const error = new ExchangeFailedError(`${output.reason} ${output.detail ?? ""}`);
      settle(output.exchange, ({ reject }) => reject(error));
    }
  });
  const socket = await openUdpSocket({
    host: "127.0.0.1",
    port: 0,
    onDatagram: (bytes: Uint8Array, peer: PeerKey) => driver.handle({ type: "datagram", peer, bytes }),
    onError: (error) => {
      throw error;
    },
  });
  let exchanges = 0;
  const begin = (toInput: (exchange: ExchangeId) => StackInput): Promise<StackOutput> => {
    const exchange = ++exchanges;
    const result = Promise.withResolvers<StackOutput>();
    open.set(exchange, result);
    driver.handle(toInput(exchange));
    return result.promise;
  };
  return {
    port: socket.port,
    notifications,
    request: (input) => begin((exchange) => ({ type: "request", exchange, ...input })) as Promise<Output<"response">>, // The end of a request.
    notify: async (input) => {
      await begin((exchange) => ({ type: "notify", exchange, ...input }));
    },
    stop: async () => {
      driver.stop();
      await socket.close();
    },
  };
}
