import assert from "node:assert/strict";
import {
  CODE,
  type CoapOption,
  CoapStack,
  type CoapStackSettings,
  decodeMessage,
  encodeMessage,
  formatCode,
  MESSAGE_TYPE,
  type Message,
  OPTION,
  type PeerKey,
  readBlock,
  readStringOptions,
  readUintOption,
  type StackInput,
  type StackOutput,
  sortOptions,
  stringOption,
  uintOption,
  uriOptions,
} from "@ferry/coap";
import { hex, toHex } from "./hex.ts";
import { SeededRandom } from "./seeded-random.ts";

export const CON = "CON";
export const NON = "NON";
export const ACK = "ACK";
export const RST = "RST";
type TypeName = keyof typeof MESSAGE_TYPE;

/** Parts of a message as a conversation writes them: numbers, texts, and `num/more/size` for a block, as in `1/0/64`. */
export interface Fields {
  readonly messageId?: number | undefined;
  /** Hex digits. */
  readonly token?: string | undefined;
  readonly observe?: number | undefined;
  readonly contentFormat?: number | undefined;
  readonly maxAge?: number | undefined;
  readonly block1?: string | undefined;
  readonly block2?: string | undefined;
  readonly size1?: number | undefined;
  readonly size2?: number | undefined;
  /** Hex digits. */
  readonly etag?: string | undefined;
  readonly noResponse?: number | undefined;
  readonly path?: readonly string[] | undefined;
  readonly options?: readonly CoapOption[] | undefined;
  readonly payload?: string | Uint8Array | undefined;
}

type Event = Exclude<StackOutput, { type: "send" }>;
/** Fields of an event, and parts of its message. */
type EventFields<T extends Event["type"]> = Partial<Omit<EventOf<T>, keyof Fields>> & Fields;
type EventOf<T extends Event["type"]> = Extract<Event, { type: T }>;

/**
 * A conversation with one stack, step by step: what a peer sends, what it then must receive, what the application
 * hears and says. Time stands still until `advance`; what nobody expected is an error at the next step of its kind.
 */
export class Lockstep {
  readonly stack: CoapStack;
  readonly #sent: Extract<StackOutput, { type: "send" }>[] = [];
  readonly #events: Event[] = [];
  #nowMs = 0;

  constructor(settings: Partial<CoapStackSettings> = {}) {
    this.stack = new CoapStack({ random: new SeededRandom(1).bytes, ...settings });
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** A far side of the conversation. */
  peer(key: PeerKey = "device"): LockstepPeer {
    return new LockstepPeer(this, key);
  }

  /** The application, or the network, hands something to the stack. */
  does(input: StackInput): this {
    this.#take(this.stack.handle(input, this.#nowMs));
    return this;
  }

  /** Lets time go by, with a tick whenever the stack asked for one. */
  advance(ms: number): this {
    const untilMs = this.#nowMs + ms;
    for (let dueMs = this.stack.deadlineMs; dueMs !== undefined && dueMs <= untilMs; dueMs = this.stack.deadlineMs) {
      this.#nowMs = Math.max(this.#nowMs, dueMs);
      this.#take(this.stack.tick(this.#nowMs));
    }
    this.#nowMs = untilMs;
    return this;
  }

  /** The application's next event is of this type, with these fields. */
  hears<T extends Event["type"]>(type: T, fields: EventFields<T> = {}): EventOf<T> {
    const event = this.#events.shift();
    assert(event !== undefined, `${type} expected, nothing happened`);
    assert.equal(event.type, type, `${type} expected, got ${describe(event)}`);
    matchEvent(event, fields);
    return event as EventOf<T>; // Its type was compared.
  }

  /** The application was told nothing more. */
  hearsNothing(): this {
    assert.deepEqual(this.#events.map(describe), []);
    return this;
  }

  /** The next datagram to this peer. */
  takeSent(peer: PeerKey): Uint8Array | undefined {
    const index = this.#sent.findIndex((send) => send.peer === peer);
    return index < 0 ? undefined : this.#sent.splice(index, 1)[0]?.bytes;
  }

  #take(outputs: StackOutput[]): void {
    for (const output of outputs) {
      if (output.type === "send") this.#sent.push(output);
      else this.#events.push(output);
    }
  }
}

/** One far side: `device.sends(CON, "POST", "/rd?ep=a").expects(ACK, "2.01")`. */
export class LockstepPeer {
  readonly key: PeerKey;
  readonly #lockstep: Lockstep;
  #nextMessageId = 1;

  constructor(lockstep: Lockstep, key: PeerKey) {
    this.#lockstep = lockstep;
    this.key = key;
  }

  /** Sends a message; `code` is a method or `2.05`, the Message ID counts up and the token is `01` when not said. */
  sends(type: TypeName, code: string, reference = "", fields: Fields = {}): this {
    const { messageId = this.#nextMessageId++, token = code === "0.00" ? "" : "01" } = fields;
    return this.sendsBytes(
      encodeMessage({
        type: MESSAGE_TYPE[type],
        code: parseCode(code),
        messageId,
        token: hex(token),
        options: sortOptions([...uriOptions(reference), ...toOptions(fields)]),
        payload: toBytes(fields.payload ?? ""),
      }),
    );
  }

  /** Acknowledges by an empty ACK. */
  acknowledges({ messageId }: Pick<Message, "messageId">): this {
    return this.sends(ACK, "0.00", "", { messageId });
  }

  /** Answers by RST. */
  resets({ messageId }: Pick<Message, "messageId">): this {
    return this.sends(RST, "0.00", "", { messageId });
  }

  sendsBytes(bytes: Uint8Array): this {
    this.#lockstep.does({ type: "datagram", peer: this.key, bytes });
    return this;
  }

  /** The next datagram to this peer is this message; returns it. */
  expects(type: TypeName, code: string, fields: Fields = {}): Message {
    const bytes = this.#lockstep.takeSent(this.key);
    assert(bytes !== undefined, `${type} ${code} expected, nothing was sent`);
    const message = decodeMessage(bytes);
    assert.equal(`${typeName(message)} ${formatCode(message.code)}`, `${type} ${formatCode(parseCode(code))}`);
    matchFields(message, fields);
    return message;
  }

  expectsNothing(): this {
    const bytes = this.#lockstep.takeSent(this.key);
    assert.equal(bytes === undefined ? "nothing" : toHex(bytes), "nothing");
    return this;
  }
}

function parseCode(text: string): number {
  if (text in CODE) return CODE[text as keyof typeof CODE]; // Tested in the line.
  const [kind = "", detail = ""] = text.split(".");
  return (Number(kind) << 5) | Number(detail);
}

function typeName({ type }: Message): string {
  return ["CON", "NON", "ACK", "RST"][type] ?? String(type);
}

function describe(event: Event): string {
  return "reason" in event ? `${event.type} ${event.reason}` : event.type;
}

function toBytes(payload: string | Uint8Array): Uint8Array {
  return typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
}

const UINT_FIELDS = {
  observe: OPTION.OBSERVE,
  contentFormat: OPTION.CONTENT_FORMAT,
  maxAge: OPTION.MAX_AGE,
  size1: OPTION.SIZE1,
  size2: OPTION.SIZE2,
  noResponse: OPTION.NO_RESPONSE,
} as const;
const BLOCK_FIELDS = { block1: OPTION.BLOCK1, block2: OPTION.BLOCK2 } as const;

function toOptions(fields: Fields): CoapOption[] {
  const options: CoapOption[] = [...(fields.options ?? [])];
  for (const [name, number] of Object.entries(UINT_FIELDS)) {
    const value = fields[name as keyof typeof UINT_FIELDS]; // A key of the table.
    if (value !== undefined) options.push(uintOption(number, value));
  }
  for (const [name, number] of Object.entries(BLOCK_FIELDS)) {
    const text = fields[name as keyof typeof BLOCK_FIELDS]; // A key of the table.
    if (text !== undefined) options.push(uintOption(number, parseBlock(text)));
  }
  if (fields.etag !== undefined) options.push({ number: OPTION.ETAG, value: hex(fields.etag) });
  for (const segment of fields.path ?? []) options.push(stringOption(OPTION.URI_PATH, segment));
  return options;
}

function parseBlock(text: string): number {
  const [num = 0, more = 0, size = 0] = text.split("/").map(Number);
  return (num << 4) | (more << 3) | (Math.log2(size) - 4);
}

function formatBlock(options: readonly CoapOption[], number: number): string | undefined {
  const block = readBlock(options, number);
  return block === undefined ? undefined : `${block.num}/${Number(block.more)}/${block.size}`;
}

/** What a message has for each of the fields that are asked for. */
function matchFields(message: Omit<Message, "type">, fields: Fields): void {
  const actual: Record<string, unknown> = {};
  for (const name of Object.keys(fields)) actual[name] = readField(message, name, fields);
  assert.deepEqual(actual, { ...fields });
}

function readField({ messageId, token, options, payload }: Omit<Message, "type">, name: string, like: Fields): unknown {
  if (name in UINT_FIELDS) return readUintOption(options, UINT_FIELDS[name as keyof typeof UINT_FIELDS]);
  if (name in BLOCK_FIELDS) return formatBlock(options, BLOCK_FIELDS[name as keyof typeof BLOCK_FIELDS]);
  if (name === "messageId") return messageId;
  if (name === "token") return toHex(token);
  if (name === "etag") return toHex(options.find(({ number }) => number === OPTION.ETAG)?.value ?? new Uint8Array(0));
  if (name === "path") return readStringOptions(options, OPTION.URI_PATH);
  if (name === "options") return options;
  return typeof like.payload === "string" ? new TextDecoder().decode(payload) : Uint8Array.from(payload);
}

const MESSAGE_FIELDS: ReadonlySet<string> = new Set([
  ...Object.keys(UINT_FIELDS),
  ...Object.keys(BLOCK_FIELDS),
  "messageId",
  "token",
  "etag",
  "path",
  "payload",
]);

function matchEvent(event: Event, fields: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(fields)) {
    const isOwn = name === "observe" && name in event;
    if (MESSAGE_FIELDS.has(name) && "options" in event && !isOwn) matchFields(event, { [name]: value });
    else assert.deepEqual((event as unknown as Record<string, unknown>)[name], value, `${name} of ${describe(event)}`);
  }
}
