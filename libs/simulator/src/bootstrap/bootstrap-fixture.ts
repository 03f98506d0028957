import {
  CODE,
  CONTENT_FORMAT,
  type CoapOption,
  CoapStack,
  type Machine,
  OPTION,
  type PeerKey,
  type StackInput,
  type StackOutput,
  stringOption,
  uintOption,
} from "@ferry/coap";
import type { Answer, DtlsServer, DtlsServerInput, DtlsServerOutput, Question } from "@ferry/dtls";
import { encodeContent, type LwM2mNode, type LwM2mPath } from "@ferry/lwm2m";
import type { DeviceEvent, DeviceInput, DeviceOutput } from "../device-io.ts";
import type { SimulatedObject } from "../object-tree.ts";
import { coreObject, type PlainInstance } from "../objects/core-object.ts";
import { seededRandom } from "../seeded-random.ts";

type Output<Type extends StackOutput["type"]> = Extract<StackOutput, { readonly type: Type }>;

/** Where the device is. */
export const DEVICE: PeerKey = "198.51.100.1:1000";

/** A DTLS server, and what it is answered. */
export interface ScriptedDtls {
  readonly server: DtlsServer;
  readonly answers: { answer(question: Question, slot: number): Answer | undefined };
}

/** A device and servers of any number on links without loss; time goes on only when told. */
export class World {
  readonly device: Machine<DeviceInput, DeviceOutput>;
  readonly events: DeviceEvent[] = [];
  /** Names that have an address. */
  readonly names: Map<string, string> = new Map();
  readonly #servers = new Map<PeerKey, ScriptedServer>();
  nowMs = 0;

  constructor(device: Machine<DeviceInput, DeviceOutput>) {
    this.device = device;
  }

  server(peer: PeerKey, dtls?: ScriptedDtls): ScriptedServer {
    const server = new ScriptedServer(this, peer, dtls);
    this.#servers.set(peer, server);
    return server;
  }

  tell(input: DeviceInput): void {
    this.#perform(this.device.handle(input, this.nowMs));
  }

  /** Lets time go on; what is due on the way happens on the way. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const { deadlineMs } = this.device;
      if (deadlineMs === undefined || deadlineMs > untilMs) break;
      this.nowMs = Math.max(this.nowMs, deadlineMs);
      this.#perform(this.device.tick(this.nowMs));
    }
    this.nowMs = untilMs;
  }

  eventsOf<Type extends DeviceEvent["type"]>(type: Type): Extract<DeviceEvent, { readonly type: Type }>[] {
    return this.events.filter((it): it is Extract<DeviceEvent, { readonly type: Type }> => it.type === type);
  }

  #perform(outputs: readonly DeviceOutput[]): void {
    for (const output of outputs) {
      if (output.type === "send") this.#servers.get(output.peer)?.hear(output.bytes);
      else if (output.type === "resolve") {
        this.tell({ type: "resolved", host: output.host, address: this.names.get(output.host) });
      } else this.events.push(output);
    }
  }
}

/** What a server was answered. */
export interface Answered {
  /** `2.05` as 205. */
  readonly code: number;
  readonly text: string;
}

/** A server that does what it is told. It takes every Bootstrap-Request, Register, Update and Deregister, until `answers` says otherwise. */
export class ScriptedServer {
  readonly requests: Output<"request">[] = [];
  /** Answers the next requests; those after them as usual. */
  readonly answers: (Omit<Extract<StackInput, { readonly type: "respond" }>, "type" | "handle"> | "silent")[] = [];
  readonly received: StackOutput[] = [];
  /** Associations that were made; the last one carries what is said. */
  readonly principals: unknown[] = [];
  reachable = true;
  readonly #world: World;
  readonly #peer: PeerKey;
  readonly #stack = new CoapStack({ random: seededRandom(2) });
  readonly #dtls: ScriptedDtls | undefined;
  #association = "";
  #exchange = 0;

  constructor(world: World, peer: PeerKey, dtls: ScriptedDtls | undefined) {
    this.#world = world;
    this.#peer = peer;
    this.#dtls = dtls;
  }

  hear(bytes: Uint8Array): void {
    if (!this.reachable) return;
    if (this.#dtls === undefined) this.does({ type: "datagram", peer: DEVICE, bytes });
    else this.#secure({ type: "datagram", address: DEVICE, bytes });
  }

  does(input: StackInput): void {
    for (const output of this.#stack.handle(input, this.#world.nowMs)) this.#perform(output);
  }

  /** Sends a request; how the device answered. */
  ask(
    code: number,
    path: string,
    options: readonly CoapOption[] = [],
    payload: Uint8Array = new Uint8Array(),
  ): Answered {
    const exchange = ++this.#exchange;
    const segments = path.split("/").filter((segment) => segment !== "");
    const uri = segments.map((segment) => stringOption(OPTION.URI_PATH, segment));
    const token = Uint8Array.of(exchange);
    this.does({ type: "request", exchange, peer: DEVICE, token, code, options: [...uri, ...options], payload });
    const found = this.received.find((it) => it.type === "response" && it.exchange === exchange);
    if (found?.type !== "response") return { code: 0, text: "" };
    return { code: (found.code >> 5) * 100 + (found.code & 0x1f), text: Buffer.from(found.payload).toString() };
  }

  discover(path = "/"): Answered {
    return this.ask(CODE.GET, path, [uintOption(OPTION.ACCEPT, CONTENT_FORMAT.LINK_FORMAT)]);
  }

  read(path: string, format: number = CONTENT_FORMAT.SENML_JSON): Answered {
    return this.ask(CODE.GET, path, [uintOption(OPTION.ACCEPT, format)]);
  }

  write(path: LwM2mPath, node: LwM2mNode, format: number = CONTENT_FORMAT.LWM2M_TLV): Answered {
    const options = [uintOption(OPTION.CONTENT_FORMAT, format)];
    return this.ask(CODE.PUT, `/${path.join("/")}`, options, encodeContent(format, node, path));
  }

  remove(path: string): Answered {
    return this.ask(CODE.DELETE, path);
  }

  finish(): Answered {
    return this.ask(CODE.POST, "/bs");
  }

  /** Writes an account as instance `id` of both objects. */
  writeAccount(id: number, security: PlainInstance, server: PlainInstance = {}, format?: number): Answered[] {
    const [shortServerId = 101] = [security[10] as number | undefined];
    return [
      this.write([0, id], instanceOf(accountOf(security), id), format),
      this.write(
        [1, id],
        instanceOf(coreObject(1, "1.1", { [id]: { 0: shortServerId, 1: 300, 6: false, 7: "U", ...server } }), id),
        format,
      ),
    ];

    function accountOf(values: PlainInstance): SimulatedObject {
      const none = new Uint8Array();
      return coreObject(0, "1.1", { [id]: { 1: false, 2: 3, 3: none, 4: none, 5: none, 10: 101, ...values } });
    }
  }

  #secure(input: DtlsServerInput): void {
    const outputs: readonly DtlsServerOutput[] = this.#dtls?.server.handle(input, this.#world.nowMs) ?? [];
    for (const output of outputs) {
      if (output.type === "send") {
        this.#world.tell({ type: "datagram", peer: this.#peer, bytes: output.bytes });
      } else if (output.type === "question") {
        const answer = this.#dtls?.answers.answer(output.question, 1);
        if (answer !== undefined) this.#secure({ type: "answer", question: output.id, answer });
      } else if (output.type === "received") {
        if (this.#association !== output.association.id) this.principals.push(output.association.principal);
        this.#association = output.association.id;
        this.does({ type: "datagram", peer: DEVICE, bytes: output.bytes });
      }
    }
  }

  #perform(output: StackOutput): void {
    switch (output.type) {
      case "send":
        if (this.#dtls === undefined) this.#world.tell({ type: "datagram", peer: this.#peer, bytes: output.bytes });
        else this.#secure({ type: "send", association: this.#association, bytes: output.bytes });
        break;
      case "request": {
        this.requests.push(output);
        const answer = this.answers.shift() ?? usualAnswer(output);
        if (answer === "silent") this.does({ type: "acknowledge", handle: output.handle });
        else this.does({ type: "respond", handle: output.handle, ...answer });
        break;
      }
      case "notification":
        this.received.push(output);
        this.does({ type: "acknowledge", handle: output.handle });
        break;
      default:
        this.received.push(output);
        break;
    }
  }
}

function usualAnswer({ code, options }: Output<"request">): { code: number; options?: CoapOption[] } {
  if (code === CODE.DELETE) return { code: CODE.DELETED };
  const isRegister = options.filter(({ number }) => number === OPTION.URI_PATH).length === 1;
  const isBootstrap = options.some(
    ({ number, value }) => number === OPTION.URI_PATH && Buffer.from(value).toString() === "bs",
  );
  if (isBootstrap || !isRegister) return { code: CODE.CHANGED };
  return {
    code: CODE.CREATED,
    options: [stringOption(OPTION.LOCATION_PATH, "rd"), stringOption(OPTION.LOCATION_PATH, "a1")],
  };
}

/** Instance `id` of an object. */
export function instanceOf({ node, model }: SimulatedObject, id: number): LwM2mNode {
  return node.instances.find((it) => it.id === id) ?? { type: "object", id: model.id, instances: [] };
}
