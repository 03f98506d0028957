import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@jest/globals";
import { aiocoap } from "./dtls/clients/aiocoap.ts";
import { gnutls } from "./dtls/clients/gnutls.ts";
import { JavaClients } from "./dtls/clients/java.ts";
import { libcoap } from "./dtls/clients/libcoap.ts";
import { mbedtls } from "./dtls/clients/mbedtls.ts";
import { nodeDtlsClient } from "./dtls/clients/node-dtls-client.ts";
import { openssl } from "./dtls/clients/openssl.ts";
import { CELLS, type Cell, CLIENTS, type ClientFacts } from "./dtls/matrix.ts";
import { makePki, type Pki } from "./dtls/pki.ts";
import { runCell, type Subject } from "./dtls/run-cell.ts";

const CELL_TIMEOUT_MS = 90_000;

const java = new JavaClients();
const SUBJECTS: readonly Subject[] = [
  { facts: CLIENTS.openssl, connect: openssl(), application: "plain" },
  { facts: CLIENTS.gnutls, connect: gnutls, application: "plain" },
  { facts: CLIENTS.libcoapGnutls, connect: libcoap("coap-client-gnutls"), application: "coap" },
  { facts: CLIENTS.libcoapOpenssl, connect: libcoap("coap-client-openssl"), application: "coap" },
  { facts: CLIENTS.scandium, connect: java.of("scandium"), application: "plain" },
  { facts: CLIENTS.bouncyCastle, connect: java.of("bouncy-castle"), application: "plain" },
  { facts: CLIENTS.mbedtls, connect: mbedtls, application: "plain" },
  { facts: CLIENTS.nodeDtlsClient, connect: nodeDtlsClient, application: "plain" },
  { facts: CLIENTS.aiocoap, connect: aiocoap, application: "coap" },
];

let directory: string;
let pki: Pki;
/** What takes long because it waits is begun at once, for all clients. */
const begun = new Map<string, Promise<unknown>>();

const cellsOf = (facts: ClientFacts): readonly Cell[] => CELLS.filter(({ name }) => !(name in facts.lacks));
const waits = (cell: Cell): boolean => cell.lossRate !== undefined || cell.refused !== undefined;
const key = (subject: Subject, cell: Cell): string => `${subject.facts.name}, ${cell.name}`;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ferry-dtls-"));
  pki = await makePki(directory);
  for (const subject of SUBJECTS)
    for (const cell of cellsOf(subject.facts).filter(waits)) {
      const end = runCell(subject, cell, pki);
      end.catch(() => undefined); // Its own test tells.
      begun.set(key(subject, cell), end);
    }
}, 30_000);

afterAll(async () => {
  await Promise.allSettled(begun.values());
  await java.stop();
  await rm(directory, { recursive: true });
}, CELL_TIMEOUT_MS);

describe.each(SUBJECTS.map((subject) => ({ name: subject.facts.name, subject })))("$name", ({ subject }) => {
  it.each(cellsOf(subject.facts))(
    "$name",
    async (cell) => {
      await (begun.get(key(subject, cell)) ?? runCell(subject, cell, pki));
    },
    CELL_TIMEOUT_MS,
  );
});
