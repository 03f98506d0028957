import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { CODE, CoapStack, type StackInput, type StackOutput } from "@ferry/coap";
import {
  ALERT,
  type Answer,
  type AssociationState,
  compute,
  DtlsServer,
  type DtlsServerInput,
  type DtlsServerOutput,
  type HandshakeFailure,
  type Question,
  type SessionState,
  secretKey,
} from "@ferry/dtls";
import { driveMachine, openUdpSocket } from "@ferry/runtime";
import type { CredentialKind } from "./client.ts";
import type { Pki } from "./pki.ts";

export interface EchoOptions {
  /** What comes back: the record itself, or a CoAP response with the payload of the request. */
  readonly application: "plain" | "coap";
  /** IANA numbers. */
  readonly suites: readonly number[];
  readonly pki: Pki;
  /** What the server shows of itself. */
  readonly credential: CredentialKind;
  readonly psk: { readonly identity: string; readonly key: Uint8Array };
  /** Largest datagram of a handshake; 1200 by default. */
  readonly mtuBytes?: number;
  /** Length of its Connection IDs; 8 by default, 0 for none. */
  readonly cidBytes?: number;
}

/** What the server saw of a handshake that ended. */
export interface SeenHandshake {
  readonly suite: number;
  /** `PSK identity`, `RPK` or `X509` and the common name. */
  readonly principal: string;
  readonly extendedMasterSecret: boolean;
  readonly encryptThenMac: boolean;
  readonly hasCid: boolean;
  readonly resumed: boolean;
}

/** Our DTLS server on a real socket: it knows one device, and returns what it is sent. */
export interface DtlsEcho {
  readonly port: number;
  readonly handshakes: readonly SeenHandshake[];
  readonly failures: readonly HandshakeFailure[];
  /** How often an association moved to another address. */
  readonly moves: number;
  /** The failure of that index, once it is there. */
  failure(index: number): Promise<HandshakeFailure>;
  stop(): Promise<void>;
}

/** Starts a {@link DtlsEcho} on a free port of the loopback interface. */
export async function startDtlsEcho(options: EchoOptions): Promise<DtlsEcho> {
  const credentials = await readCredentials(options);
  const associations = new Map<string, AssociationState>();
  const sessions = new Map<string, SessionState>();
  const handshakes: SeenHandshake[] = [];
  const failures: HandshakeFailure[] = [];
  const waiting = new Set<() => void>();
  let moves = 0;

  const server = new DtlsServer({
    random: randomBytes,
    wallMs: Date.now,
    slot: 1,
    suites: options.suites,
    cidLengthBytes: options.cidBytes ?? 8,
    cookieKeys: [secretKey(randomBytes(32))],
    extendedMasterSecret: "prefer",
    nonce: "stamped",
    mtuBytes: options.mtuBytes ?? 1200,
    identity: credentials.identity,
    clientCertificates: ["rawPublicKey", "x509"],
  });
  const driver = driveMachine<DtlsServerInput, DtlsServerOutput>(server, (output) => {
    switch (output.type) {
      case "send":
        socket.send(output.bytes, output.address);
        break;
      case "question":
        driver.handle({ type: "answer", question: output.id, answer: answer(output.question) });
        break;
      case "received":
        if (options.application === "plain") send(output.association.id, output.bytes);
        else coap.handle({ type: "datagram", peer: output.association.id, bytes: output.bytes });
        break;
      case "established":
        handshakes.push(seen(output.association.id, output.association.hasCid, output.resumed));
        break;
      case "moved":
        moves++;
        break;
      case "handshakeFailed":
        failures.push(output.reason);
        for (const look of waiting) look();
        break;
      default:
        break; // Nothing that a client sees.
    }
  });
  const coap = driveMachine<StackInput, StackOutput>(new CoapStack({ random: randomBytes }), (output) => {
    if (output.type === "send") send(output.peer, output.bytes);
    if (output.type === "request") {
      coap.handle({ type: "respond", handle: output.handle, code: CODE.CONTENT, payload: output.payload });
    }
  });
  const socket = await openUdpSocket({
    host: "127.0.0.1",
    port: 0,
    onDatagram: (bytes, address) => driver.handle({ type: "datagram", address, bytes }),
    onError: (error) => {
      throw error;
    },
  });

  function send(association: string, bytes: Uint8Array): void {
    driver.handle({ type: "send", association, bytes });
  }

  function answer(question: Question): Answer {
    switch (question.type) {
      case "store": {
        const { association, session } = question;
        associations.set(association.id, association);
        if (session !== undefined) sessions.set(Buffer.from(session.id).toString("hex"), session);
        return { type: "stored" };
      }
      case "session": {
        const session = sessions.get(Buffer.from(question.id).toString("hex"));
        return session === undefined ? { type: "none" } : { type: "session", session };
      }
      case "compute":
        return compute(question.job);
      case "find":
      case "claim":
      case "reserve":
        return { type: "none" };
      default:
        return credentials.whose(question);
    }
  }

  function seen(id: string, hasCid: boolean, resumed: boolean): SeenHandshake {
    const state = associations.get(id);
    return {
      suite: state?.suite ?? 0,
      principal: state?.principal ?? "not stored",
      extendedMasterSecret: state?.extendedMasterSecret ?? false,
      encryptThenMac: state?.encryptThenMac ?? false,
      hasCid,
      resumed,
    };
  }

  return {
    port: socket.port,
    handshakes,
    failures,
    get moves() {
      return moves;
    },
    failure(index) {
      const { promise, resolve } = Promise.withResolvers<HandshakeFailure>();
      const look = (): void => {
        const reason = failures[index];
        if (reason === undefined) return;
        waiting.delete(look);
        resolve(reason);
      };
      waiting.add(look);
      look();
      return promise;
    },
    async stop() {
      driver.stop();
      coap.stop();
      await socket.close();
    },
  };
}

type CredentialQuestion = Extract<Question, { readonly type: "psk" | "rawPublicKey" | "certificate" }>;

/** The server's own, and whose a device's credential is. */
async function readCredentials({ pki, psk, credential }: EchoOptions): Promise<{
  readonly identity: ConstructorParameters<typeof DtlsServer>[0]["identity"];
  whose(question: CredentialQuestion): Answer;
}> {
  const read = async (path: string): Promise<X509Certificate> => new X509Certificate(await readFile(path));
  const [ca, own, device] = await Promise.all([pki.ca, pki.server, pki.device].map((it) => read(it.certificate)));
  if (ca === undefined || own === undefined || device === undefined) throw new TypeError("three files were read");
  const privateKey = createPrivateKey(await readFile(pki.server.privateKey));
  const spki = (certificate: X509Certificate): Buffer => certificate.publicKey.export({ format: "der", type: "spki" });
  const refused: Answer = { type: "refused", alert: ALERT.BAD_CERTIFICATE, reason: "not the device's" };
  return {
    identity: {
      rawPublicKey: credential === "RPK" ? { privateKey, publicKey: spki(own) } : undefined,
      certificate: () => (credential === "X509" ? { privateKey, chain: [own.raw] } : undefined),
    },
    whose(question) {
      switch (question.type) {
        case "psk": {
          if (Buffer.compare(question.identity, Buffer.from(psk.identity)) !== 0) return { type: "none" };
          return { type: "psk", key: psk.key, principal: `PSK ${psk.identity}` };
        }
        case "rawPublicKey": {
          if (Buffer.compare(question.publicKey, spki(device)) !== 0) return refused;
          return { type: "principal", principal: `RPK ${commonName(device)}` };
        }
        case "certificate": {
          const shown = new X509Certificate(Buffer.from(question.chain[0] ?? []));
          if (!shown.checkIssued(ca) || !shown.verify(ca.publicKey)) return refused;
          return { type: "principal", principal: `X509 ${commonName(shown)}` };
        }
      }
    },
  };
}

function commonName({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject)?.[1] ?? "";
}
