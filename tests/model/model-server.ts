import type { DtlsServer, DtlsServerInput, DtlsServerOutput, SessionState } from "@ferry/dtls";
import { DTLS_KEYS, DtlsAnswers, makeDtlsServer, SeededRandom } from "@ferry/testing";
import { ModelClient } from "./model-client.ts";
import { ANSWER, type ModelSymbol, SYMBOLS } from "./symbols.ts";

/**
 * What the client of a model is like, and the server: how many records that came too early it keeps (one is enough to see what becomes of them, and each more
 * is a state for every order), and whether its questions are answered at once or by a symbol of their own.
 */
export const CONFIGURATIONS = {
  psk: { suite: 0xc0a8, certificate: "none", hasCid: false, maxParked: 1, isLate: false },
  x509: { suite: 0xc0ae, certificate: "x509", hasCid: false, maxParked: 0, isLate: false },
  rpk: { suite: 0xc0ae, certificate: "rawPublicKey", hasCid: true, maxParked: 0, isLate: false },
  "psk-late": { suite: 0xc0a8, certificate: "none", hasCid: false, maxParked: 0, isLate: true },
} as const;

export type Configuration = keyof typeof CONFIGURATIONS;

type Question = Extract<DtlsServerOutput, { readonly type: "question" }>;

/** What can happen to a server next. */
export function symbolsOf(configuration: Configuration): readonly string[] {
  return CONFIGURATIONS[configuration].isLate ? [...SYMBOLS, ANSWER] : SYMBOLS;
}

/** Between the dates of the test keys. */
const WALL_MS = Date.UTC(2030, 0, 1);
const SLOT = 1;
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
  readonly #isLate: boolean;
  /** The last one, while it has no answer. */
  #question: Question | undefined;
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
    this.#isLate = terms.isLate;
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
        networkHandshakeBurst: MANY,
        alertBurst: MANY,
        minResendMs: 0,
        renegotiationAnswerMs: 0,
        maxParkedHandshakeRecords: terms.maxParked,
      },
    });
  }

  /** What the server did upon a symbol: messages as `ServerHello`, alerts as `fatal:decrypt_error`, events in lower case; `-` for nothing. */
  step(symbol: ModelSymbol | typeof ANSWER): string {
    this.#seen = [];
    if (symbol === ANSWER) {
      this.#answer();
    } else {
      this.#client.send(symbol, (bytes) => {
        // Of a hello with a cookie only what the second one got.
        this.#seen = [];
        this.#handle({ type: "datagram", address: ADDRESS, bytes });
      });
    }
    return this.#seen.length === 0 ? "-" : this.#seen.join(" ");
  }

  #handle(input: DtlsServerInput): void {
    for (const output of this.#server.handle(input, NOW_MS)) {
      if (output.type === "question") this.#question = output;
      else this.#take(output);
      if (!this.#isLate) this.#answer();
    }
  }

  #answer(): void {
    const asked = this.#question;
    this.#question = undefined;
    const answer = asked === undefined ? undefined : this.#answers.answer(asked.question, SLOT);
    if (asked !== undefined && answer !== undefined) this.#handle({ type: "answer", question: asked.id, answer });
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
