import type {
  CoapOption,
  DropReason,
  ExchangeId,
  FailureReason,
  Handle,
  PeerKey,
  Received,
  StackInput,
  StackOutput,
} from "@ferry/coap";

/** A request that waits for `respond`. */
export type IncomingRequest = Extract<StackOutput, { type: "request" }>;

/** A notification that waits for `acknowledge`, `reset` or `abandon`. */
export type IncomingNotification = Extract<StackOutput, { type: "notification" }>;

/** How an own request ended; `givenUp` by whoever made it. */
export type CoapResult =
  | { readonly type: "response"; readonly response: Received }
  | { readonly type: "failed"; readonly reason: FailureReason | "givenUp" };

/** A request to a device. */
export interface OutgoingRequest {
  readonly peer: PeerKey;
  readonly code: number;
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
  readonly token: Uint8Array;
  /** How long to wait for the response once the device has acknowledged the request, ms. */
  readonly responseTimeoutMs: number;
  /** Its first datagram leaves by then, monotonic ms, or never: it fails with `unsent`. */
  readonly sendByMs?: number;
  /** It is not repeated after then, monotonic ms: the device does not listen any more. */
  readonly repeatUntilMs?: number;
  /** Its further blocks are repeated for so long after the device's last answer, ms. */
  readonly repeatForMs?: number;
  /** When nobody waits for the response any more and the request is given up, ms from now; never when absent or infinite. */
  readonly giveUpAfterMs?: number;
  /** Called when its first datagram has left, at most once. */
  readonly onSent?: () => void;
  readonly continueFrom?: { readonly body: Uint8Array; readonly blockSize: number; readonly etag?: Uint8Array };
}

/** A request of ours that is under way. */
export interface OwnRequest {
  /** How it ended; never rejects. */
  readonly answered: Promise<CoapResult>;
  /** Gives it up, if it has not ended. */
  giveUp(): void;
}

/** Who waits for the end of a request. */
interface Waiting {
  readonly resolve: (result: CoapResult) => void;
  /** Undefined once it was called. */
  onSent: (() => void) | undefined;
  readonly timer: NodeJS.Timeout | undefined;
}

/** What is done with what the stack cannot decide. */
export interface CoapHandlers {
  request(request: IncomingRequest): void;
  notification(notification: IncomingNotification): void;
  dropped(reason: DropReason): void;
}

/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
const NOTHING = new Uint8Array(0);

/** The stack with its exchanges as promises: what the handlers speak to. */
export class CoapServer {
  readonly #drive: (input: StackInput) => void;
  readonly #send: (bytes: Uint8Array, peer: PeerKey) => void;
  readonly #handlers: CoapHandlers;
  readonly #waiting = new Map<ExchangeId, Waiting>();
  #nextExchange = 1;
  #deaf = false;

  constructor(parts: {
    /** Drives the stack: `driveMachine(stack, perform)` of the runtime. */
    readonly drive: (perform: (output: StackOutput) => void) => (input: StackInput) => void;
    readonly send: (bytes: Uint8Array, peer: PeerKey) => void;
    readonly handlers: CoapHandlers;
  }) {
    this.#send = parts.send;
    this.#handlers = parts.handlers;
    this.#drive = parts.drive((output) => this.#perform(output));
  }

  /** Hears nothing any more; what is in hand can still be answered. */
  deafen(): void {
    this.#deaf = true;
  }

  receive(bytes: Uint8Array, peer: PeerKey): void {
    if (!this.#deaf) this.#drive({ type: "datagram", peer, bytes });
  }

  request(request: OutgoingRequest): OwnRequest {
    const { giveUpAfterMs = Number.POSITIVE_INFINITY, onSent } = request;
    const exchange = this.#nextExchange++;
    const { promise: answered, resolve } = Promise.withResolvers<CoapResult>();
    const giveUp = (): void => {
      if (!this.#waiting.has(exchange)) return;
      this.#drive({ type: "cancel", exchange });
      this.#end(exchange, { type: "failed", reason: "givenUp" });
    };
    const isTimed = giveUpAfterMs !== Number.POSITIVE_INFINITY;
    const timer = isTimed ? setTimeout(giveUp, Math.min(giveUpAfterMs, LONGEST_TIMER_MS)) : undefined;
    timer?.unref(); // A node that stops does not wait for it.
    this.#waiting.set(exchange, { resolve, onSent, timer });
    this.#drive({ ...request, type: "request", exchange });
    return { answered, giveUp };
  }

  respond(handle: Handle, code: number, options: readonly CoapOption[] = [], payload: Uint8Array = NOTHING): void {
    this.#drive({ type: "respond", handle, code, options, payload });
  }

  acknowledge(handle: Handle): void {
    this.#drive({ type: "acknowledge", handle });
  }

  reset(handle: Handle): void {
    this.#drive({ type: "reset", handle });
  }

  /** Stays silent: the device's retransmission is taken as new. */
  abandon(handle: Handle): void {
    this.#drive({ type: "abandon", handle });
  }

  /** Gives up what is open towards an address that a device has left: its requests fail with `cancelled`. */
  forget(peer: PeerKey): void {
    this.#drive({ type: "forget", peer });
  }

  /** Continues Message IDs beyond those of the owner before. */
  setMessageId(peer: PeerKey, messageId: number): void {
    this.#drive({ type: "setMessageId", peer, messageId });
  }

  #perform(output: StackOutput): void {
    switch (output.type) {
      case "send":
        this.#send(output.bytes, output.peer);
        if (output.exchange !== undefined) this.#sent(output.exchange);
        return;
      case "notification":
        this.#handlers.notification(output);
        return;
      case "request":
        this.#handlers.request(output);
        return;
      case "response":
        this.#end(output.exchange, { type: "response", response: output });
        return;
      case "failed":
        this.#end(output.exchange, { type: "failed", reason: output.reason });
        return;
      case "dropped":
        this.#handlers.dropped(output.reason);
        return;
      case "acknowledged":
      case "delivered":
        return;
    }
  }

  #sent(exchange: ExchangeId): void {
    const waiting = this.#waiting.get(exchange);
    const tell = waiting?.onSent;
    if (waiting === undefined || tell === undefined) return;
    waiting.onSent = undefined;
    tell();
  }

  #end(exchange: ExchangeId, result: CoapResult): void {
    const waiting = this.#waiting.get(exchange);
    if (waiting === undefined) return;
    this.#waiting.delete(exchange);
    clearTimeout(waiting.timer);
    waiting.resolve(result);
  }
}
