/**
 * The DTLS machine by itself: clients and server in one process and no socket, in lockstep, so that the server's turns are timed and nothing else. They
 * are long (a step of a thousand clients), which leaves its garbage collection where it belongs, about.
 */
import { createSecretKey, randomBytes } from "node:crypto";
import {
  type Answer,
  type ClientSession,
  compute,
  DEFAULT_DTLS_LIMITS,
  DtlsClient,
  type DtlsClientInput,
  type DtlsClientOptions,
  type DtlsClientOutput,
  type DtlsLimits,
  DtlsServer,
  type DtlsServerInput,
  type DtlsServerOutput,
  type Question,
  type SessionState,
} from "@ferry/dtls";
import { pooledRandom } from "@ferry/runtime";
import {
  clientOptions,
  type DeviceKind,
  endpointOf,
  makeServerMaterial,
  pskOf,
  type ServerMaterial,
} from "./dtls-devices.ts";

const UNBOUNDED = 1_000_000_000;
/** Nothing is refused because it comes too fast: what is measured is what one costs. */
const NO_RATES: Partial<DtlsLimits> = {
  handshakesPerSecond: UNBOUNDED,
  handshakeBurst: UNBOUNDED,
  networkHandshakesPerSecond: UNBOUNDED,
  networkHandshakeBurst: UNBOUNDED,
  wideNetworkHandshakesPerSecond: UNBOUNDED,
  wideNetworkHandshakeBurst: UNBOUNDED,
  maxHandshakesPerNetwork: DEFAULT_DTLS_LIMITS.maxHandshakes,
};
/** A small notification. */
const CONTENT = randomBytes(64);

interface Client {
  readonly client: DtlsClient;
  readonly address: string;
  session: ClientSession | undefined;
}

type Datagram = { readonly address: string; readonly bytes: Uint8Array };

/** A server and clients of one kind. */
export class DtlsLockstepLoad {
  readonly server: DtlsServer;
  readonly #clientOptions: DtlsClientOptions;
  readonly #sessions = new Map<string, SessionState>();
  readonly #keepsSessions: boolean;
  readonly #clients = new Map<string, Client>();
  #count = 0;
  #nowMs = 0;
  #serverUs = 0;

  private constructor(client: DtlsClientOptions, server: ServerMaterial, keepsSessions: boolean) {
    const { privateKey, publicKey, certificate } = server;
    this.#clientOptions = client;
    this.#keepsSessions = keepsSessions;
    this.server = new DtlsServer({
      random: pooledRandom(),
      wallMs: Date.now,
      slot: 1,
      suites: client.suites ?? [],
      cidLengthBytes: 8,
      cookieKeys: [createSecretKey(randomBytes(32))],
      extendedMasterSecret: "prefer",
      nonce: "stamped",
      mtuBytes: 1200,
      identity: {
        rawPublicKey: { privateKey, publicKey },
        certificate: () => ({ privateKey, chain: [certificate] }),
      },
      clientCertificates: ["rawPublicKey", "x509"],
      limits: NO_RATES,
    });
  }

  /** `keepsSessions`: they can be resumed, and take memory that is a store's. */
  static async of(kind: DeviceKind, keepsSessions: boolean): Promise<DtlsLockstepLoad> {
    // One credential for all: the answers tell the clients apart.
    const options = await clientOptions(kind, endpointOf(kind, 0));
    const client = { ...options, random: randomBytes, wallMs: Date.now };
    return new DtlsLockstepLoad(client, await makeServerMaterial(), keepsSessions);
  }

  /** New clients make associations. CPU of the server for one, µs. */
  handshakes(count: number): number {
    const clients = Array.from({ length: count }, () => this.#newClient());
    return this.#timed(clients, () => ({ type: "connect" }));
  }

  /** All clients make their association again, from their session. */
  resumptions(): number {
    const clients = [...this.#clients.values()];
    return this.#timed(clients, ({ session }) =>
      session === undefined ? { type: "connect" } : { type: "connect", session },
    );
  }

  /** All clients send so many records, one after the other, and each is answered by one. */
  recordPairs(times: number): number {
    let totalUs = 0;
    for (let turn = 0; turn < times; turn++)
      totalUs += this.#timed([...this.#clients.values()], () => ({ type: "send", bytes: CONTENT }));
    return totalUs / times;
  }

  /** Hellos without cookie, each from another address. */
  hellos(count: number): number {
    const datagrams = Array.from({ length: count }, () => {
      const { address, client } = this.#newClient();
      this.#clients.delete(address);
      return { address, bytes: firstSend(client.handle({ type: "connect" }, 0)) };
    });
    this.#serverUs = 0;
    this.#serve(datagrams);
    return this.#serverUs / count;
  }

  forgetClients(): void {
    this.#clients.clear();
  }

  /** Time goes by until nothing is kept of handshakes. */
  rest(): void {
    this.#nowMs += DEFAULT_DTLS_LIMITS.lastFlightMs;
    this.server.tick(this.#nowMs);
  }

  #newClient(): Client {
    const index = this.#count++;
    const address = `10.${index >> 16}.${(index >> 8) & 0xff}.${index & 0xff}:5684`;
    const client = { client: new DtlsClient(this.#clientOptions), address, session: undefined };
    this.#clients.set(address, client);
    return client;
  }

  #timed(clients: readonly Client[], input: (client: Client) => DtlsClientInput): number {
    this.#serverUs = 0;
    let toServer = clients.flatMap((client) => this.#follow(client, client.client.handle(input(client), this.#nowMs)));
    while (toServer.length > 0) {
      const toClients = this.#serve(toServer);
      toServer = toClients.flatMap(({ address, bytes }) => {
        const client = this.#clients.get(address) as Client; // Only those that wrote are written to.
        return this.#follow(client, client.client.handle({ type: "datagram", bytes }, this.#nowMs));
      });
    }
    const lost = clients.filter(({ client }) => client.state !== "established").length;
    if (lost > 0)
      throw new TypeError(`${lost} of ${clients.length} clients have no association: a limit of the server?`);
    this.#nowMs += 1;
    return this.#serverUs / clients.length;
  }

  #follow(client: Client, outputs: readonly DtlsClientOutput[]): Datagram[] {
    const { address } = client;
    return outputs.flatMap((output) => {
      if (output.type === "established") client.session = output.session;
      return output.type === "send" ? [{ address, bytes: output.bytes }] : [];
    });
  }

  /** What the server does is timed, all of it in one piece. */
  #serve(datagrams: readonly Datagram[]): Datagram[] {
    const answers: Datagram[] = [];
    const started = process.threadCpuUsage();
    for (const { address, bytes } of datagrams) this.#give({ type: "datagram", address, bytes }, answers);
    const { user, system } = process.threadCpuUsage(started);
    this.#serverUs += user + system;
    return answers;
  }

  #give(input: DtlsServerInput, answers: Datagram[]): void {
    for (const output of this.server.handle(input, this.#nowMs)) this.#perform(output, answers);
  }

  #perform(output: DtlsServerOutput, answers: Datagram[]): void {
    if (output.type === "send") {
      answers.push(output);
    } else if (output.type === "question") {
      this.#give({ type: "answer", question: output.id, answer: this.#answer(output.question) }, answers);
    } else if (output.type === "received") {
      this.#give({ type: "send", association: output.association.id, bytes: output.bytes }, answers);
    }
  }

  /** At once, from memory. */
  #answer(question: Question): Answer {
    switch (question.type) {
      case "psk":
        return { type: "psk", key: PSK, principal: this.#principal("PSK") };
      case "rawPublicKey":
        return { type: "principal", principal: this.#principal("RPK") };
      case "certificate":
        return { type: "principal", principal: this.#principal("X509") };
      case "session": {
        const session = this.#sessions.get(Buffer.from(question.id).toString("latin1"));
        return session === undefined ? { type: "none" } : { type: "session", session };
      }
      case "store": {
        const { session } = question;
        if (this.#keepsSessions && session !== undefined) {
          this.#sessions.set(Buffer.from(session.id).toString("latin1"), { ...session, id: session.id.slice() });
        }
        return { type: "stored" };
      }
      case "reserve":
        return { type: "reserved", ceiling: question.grant.ceiling + 1024 };
      case "compute":
        return compute(question.job);
      case "find":
      case "claim":
        return { type: "none" };
    }
  }

  #principal(mode: string): string {
    return `${mode}\ndefault\nbench-${this.server.usage.associations}\n0011223344556677`;
  }
}

const PSK = pskOf(endpointOf("PSK", 0));

function firstSend(outputs: readonly DtlsClientOutput[]): Uint8Array {
  for (const output of outputs) if (output.type === "send") return output.bytes;
  throw new TypeError("a client that connects sends");
}
