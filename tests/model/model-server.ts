import type { DtlsServer, DtlsServerInput, DtlsServerOutput, SessionState } from "@ferry/dtls";
import { DTLS_KEYS, DtlsAnswers, makeDtlsServer, SeededRandom } from "@ferry/testing";
import { ModelClient } from "./model-client.ts";
import type { ModelSymbol } from "./symbols.ts";

/**
 * What the client of a model is like, and how many records that came too early the server keeps: one is enough to see what becomes of them, and each more
 * is a state for every order.
 */
export const CONFIGURATIONS = {
  psk: { suite: 0xc0a8, certificate: "none", hasCid: false, maxParked: 1 },
  x509: { suite: 0xc0ae, certificate: "x509", hasCid: false, maxParked: 0 },
  rpk: { suite: 0xc0ae, certificate: "rawPublicKey", hasCid: true, maxParked: 0 },
} as const;

export type Configuration = keyof typeof CONFIGURATIONS;

/** Between the dates of the test keys. */
const WALL_MS = Date.UTC(2030, 0, 1);
const ADDRESS = "192.0.2.1:5684";
/** How long it was until then makes no difference. */
const NOW_MS = 0;
/** Beyond what a walk can reach. */
const MANY = 1e9;

/**
 * A server and a client that does what it is told, symbol by symbol. Time stands still, so that nothing is due and no rate is exceeded: what comes
 * back depends on the symbols alone.
 */
export class ModelServer {
  readonly #server: DtlsServer;
  readonly #client: ModelClient;
  readonly #answers = new DtlsAnswers();
  #seen: string[] = [];

  constructor(configuration: Configuration) {
    const random = new SeededRandom(1);
    const terms = CONFIGURATIONS[configuration];
    const session: SessionState = {
      id: random.bytes(32),
      suite: terms.suite,
      masterSecret: random.bytes(48),
      encryptThenMac: false,
      serverName: undefined,
      principal: "device",
    };
    this.#answers.sessions.set(Buffer.from(session.id).toString("hex"), session);
    this.#answers.addPsk("device");
    this.#answers.addPublicKey(DTLS_KEYS.devicePublicKey, "device");
    this.#client = new ModelClient({ ...terms, random, session });
    this.#server = makeDtlsServer({
      random: random.bytes,
      wallMs: () => WALL_MS,
      mtuBytes: 1452,
      limits: {
        handshakeBurst: MANY,
        alertBurst: MANY,
        minResendMs: 0,
        renegotiationAnswerMs: 0,
        maxParkedHandshakeRecords: terms.maxParked,
      },
    });
  }

  /** What the server did upon a symbol: messages as `ServerHello`, alerts as `fatal:decrypt_error`, events in lower case; `-` for nothing. */
  step(symbol: ModelSymbol): string {
    this.#seen = [];
    this.#client.send(symbol, (bytes) => {
      // Of a hello with a cookie only what the second one got.
      this.#seen = [];
      this.#handle({ type: "datagram", address: ADDRESS, bytes });
    });
    return this.#seen.length === 0 ? "-" : this.#seen.join(" ");
  }

  #handle(input: DtlsServerInput): void {
    const queue: DtlsServerOutput[] = this.#server.handle(input, NOW_MS);
    for (let output = queue.shift(); output !== undefined; output = queue.shift()) {
      if (output.type === "question") {
        const answer = this.#answers.answer(output.question, 1);
        if (answer === undefined) continue;
        queue.push(...this.#server.handle({ type: "answer", question: output.id, answer }, NOW_MS));
      } else {
        this.#take(output);
      }
    }
  }

  #take(output: Exclude<DtlsServerOutput, { readonly type: "question" }>): void {
    switch (output.type) {
      case "send":
        this.#seen.push(...this.#client.receive(output.bytes));
        break;
      case "received":
        this.#seen.push("data");
        break;
      case "established":
        this.#client.established();
        this.#seen.push(output.resumed ? "resumed" : "established");
        break;
      case "closed":
        // As an endpoint does: what the peer ended is not to be found again.
        this.#answers.associations.delete(output.association.id);
        this.#seen.push(`closed:${output.reason}`);
        break;
      case "handshakeFailed":
        this.#client.failed();
        this.#seen.push(`failed:${output.reason}`);
        break;
      case "takenOver":
      case "moved":
      case "confirmed":
        this.#seen.push(output.type);
        break;
      default:
      // Marks and counters.
    }
  }
}
