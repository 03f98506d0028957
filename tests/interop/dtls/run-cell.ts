import { type HandshakeFailure, MIN_DATAGRAM_BYTES } from "@ferry/dtls";
import { expect } from "@jest/globals";
import { type Connect, type Connection, SUITES, type Task } from "./client.ts";
import { type DtlsEcho, type EchoOptions, startDtlsEcho } from "./dtls-echo.ts";
import type { Cell, ClientFacts } from "./matrix.ts";
import { DEVICE_NAME, type Pki } from "./pki.ts";
import { type Relay, startRelay } from "./relay.ts";

/** How the clients are called by PSK. */
const IDENTITY = "interop-device";
const KEY = Buffer.from("secretPSK-16byte");
/** Content type (RFC 5246 §6.2.1). */
const HANDSHAKE = 22;
/** What a client is asked to keep to; some take no less than they like. */
const SMALL_DATAGRAM_BYTES = 300;
/** In which a handshake and an exchange have to succeed on a network that loses every fifth datagram. */
const LOSSY_PATIENCE_MS = 60_000;
const LOSSY = { duplicationRate: 0.05, minDelayMs: 1, maxDelayMs: 10 };

/** A client that is run, and what answers it. */
export interface Subject {
  readonly facts: ClientFacts;
  readonly connect: Connect;
  readonly application: EchoOptions["application"];
}

/** Has a client do what a cell names, with a server of its own, and checks what both sides saw. */
export async function runCell(subject: Subject, cell: Cell, pki: Pki): Promise<void> {
  const server = await startDtlsEcho({
    application: subject.application,
    suites: [SUITES[cell.suite]],
    credential: cell.credential,
    pki,
    psk: { identity: IDENTITY, key: KEY },
    ...(cell.isFragmented === true ? { mtuBytes: MIN_DATAGRAM_BYTES } : {}),
    ...(cell.isCidOff === true ? { cidBytes: 0 } : {}),
  });
  const relay = await startRelay({
    server: server.port,
    ...(cell.lossRate === undefined ? {} : { link: { lossRate: cell.lossRate, ...LOSSY } }),
  });
  try {
    const task = taskOf(cell, pki, relay.port);
    switch (cell.refused) {
      case "unknown identity":
        await refusesKeys(subject, task, server, relay);
        break;
      case "untrusted server":
        await fails(subject, { ...task, trusted: pki.otherCa }, server, "peerAlert");
        break;
      case "untrusted client":
        await fails(subject, { ...task, own: pki.stranger }, server, "unauthorized");
        break;
      case undefined:
        await succeeds(subject, cell, task, server, relay);
    }
  } finally {
    relay.stop();
    await server.stop();
  }
}

function taskOf(cell: Cell, pki: Pki, port: number): Task {
  return {
    port,
    suite: cell.suite,
    credential: cell.credential,
    psk: { identity: IDENTITY, key: KEY },
    own: pki.device,
    trusted: cell.credential === "RPK" ? pki.server : pki.ca,
    ...(cell.cidBytes === undefined ? {} : { cidBytes: cell.cidBytes }),
    ...(cell.isFragmented === true ? { maxDatagramBytes: SMALL_DATAGRAM_BYTES } : {}),
    ...(cell.resumes === undefined ? {} : { resumes: cell.resumes }),
  };
}

async function succeeds(
  { facts, connect }: Subject,
  cell: Cell,
  task: Task,
  server: DtlsEcho,
  relay: Relay,
): Promise<void> {
  const connection = await connect(task);
  try {
    await connection.exchange("0 first", cell.lossRate === undefined ? undefined : LOSSY_PATIENCE_MS);
    const hasCid = cell.cidBytes !== undefined && cell.isCidOff !== true;
    if (hasCid) await follows(connection, server, relay);
    if (cell.isFragmented === true) expect(relay.fromServer.some(hasFragment)).toBe(true);
    expect(server.handshakes.at(-1)).toEqual({
      suite: SUITES[task.suite],
      principal: `${cell.credential} ${cell.credential === "PSK" ? IDENTITY : DEVICE_NAME}`,
      extendedMasterSecret: facts.extendedMasterSecret,
      encryptThenMac: cell.suite === "TLS_PSK_WITH_AES_128_CBC_SHA256" && facts.encryptThenMac,
      hasCid,
      resumed: cell.resumes === true,
    });
  } finally {
    await connection.close();
  }
}

/** A NAT rebinds: with Connection ID both go on (RFC 9146 §6), and what was captured before moves nothing. */
async function follows(connection: Connection, server: DtlsEcho, relay: Relay): Promise<void> {
  const { length } = server.handshakes;
  await relay.rebind();
  await connection.exchange("0 second");
  expect(server.moves).toBe(1);
  const captured = relay.fromClient.at(-1);
  expect(captured).toBeDefined();
  const replayed = await relay.inject(captured ?? new Uint8Array());
  await connection.exchange("0 third");
  expect(server.moves).toBe(1);
  expect(replayed.answers).toEqual([]);
  expect(server.handshakes).toHaveLength(length);
}

/** What the server says to a wrong key and to an identity that it does not know cannot be told apart. */
async function refusesKeys(subject: Subject, task: Task, server: DtlsEcho, relay: Relay): Promise<void> {
  const shapes: string[][] = [];
  for (const psk of [
    { identity: IDENTITY, key: Buffer.from("another-16-bytes") },
    { identity: "interop-nobody", key: KEY },
  ]) {
    const [failures, datagrams] = [server.failures.length, relay.fromServer.length];
    const connection = await subject.connect({ ...task, psk });
    const answer = connection.exchange("0 refused").then(
      () => "answered",
      () => "refused",
    );
    await server.failure(failures);
    await connection.close();
    expect(await answer).toBe("refused");
    shapes.push(shapeOf(relay.fromServer.slice(datagrams)));
  }
  expect(shapes[1]).toEqual(shapes[0]);
  expect(server.failures).toEqual(["wrongKey", "unknownIdentity"]);
  expect(server.handshakes).toEqual([]);
}

/** Whether the first record is a handshake message in the clear of which it has not all (RFC 6347 §4.2.2). */
function hasFragment(datagram: Uint8Array): boolean {
  const bytes = Buffer.from(datagram);
  const [contentType, epoch] = [bytes.readUInt8(0), bytes.readUInt16BE(3)];
  const [totalBytes, fragmentBytes] = [bytes.readUIntBE(14, 3), bytes.readUIntBE(22, 3)];
  return contentType === HANDSHAKE && epoch === 0 && fragmentBytes < totalBytes;
}

/** Content types and lengths of what was sent, without repetitions. */
function shapeOf(datagrams: readonly Uint8Array[]): string[] {
  return [...new Set(datagrams.map((datagram) => `${datagram[0]} ${datagram.length}`))];
}

/** One side does not believe the other: it ends the handshake, and the server tells why. */
async function fails(subject: Subject, task: Task, server: DtlsEcho, reason: HandshakeFailure): Promise<void> {
  const connection = await subject.connect(task);
  const answer = connection.exchange("0 refused").then(
    () => "answered",
    () => "refused",
  );
  expect(await server.failure(0)).toBe(reason);
  await connection.close();
  expect(await answer).toBe("refused");
  expect(server.handshakes).toEqual([]);
}
