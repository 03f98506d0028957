import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, it } from "@jest/globals";
import { CELLS, type Cell, type ClientFacts } from "./matrix.ts";
import { makePki, type Pki } from "./pki.ts";
import { runCell, type Subject } from "./run-cell.ts";

const CELL_TIMEOUT_MS = 90_000;

/** A test for each thing that each client has. */
export function describeClients(subjects: readonly Subject[], stop: () => Promise<void> = async () => undefined): void {
  let directory: string;
  let pki: Pki;
  /** What takes long because it waits is begun at once, for all clients. */
  const begun = new Map<string, Promise<unknown>>();
  const key = (subject: Subject, cell: Cell): string => `${subject.facts.name}, ${cell.name}`;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-dtls-"));
    pki = await makePki(directory);
    for (const subject of subjects)
      for (const cell of cellsOf(subject.facts).filter(waits)) {
        const end = runCell(subject, cell, pki);
        end.catch(() => undefined); // Its own test tells.
        begun.set(key(subject, cell), end);
      }
  }, 30_000);

  afterAll(async () => {
    await Promise.allSettled(begun.values());
    await stop();
    await rm(directory, { recursive: true });
  }, CELL_TIMEOUT_MS);

  describe.each(subjects.map((subject) => ({ name: subject.facts.name, subject })))("$name", ({ subject }) => {
    it.each(cellsOf(subject.facts))(
      "$name",
      async (cell) => {
        await (begun.get(key(subject, cell)) ?? runCell(subject, cell, pki));
      },
      CELL_TIMEOUT_MS,
    );
  });
}

const cellsOf = (facts: ClientFacts): readonly Cell[] => CELLS.filter(({ name }) => !(name in facts.lacks));
const waits = (cell: Cell): boolean => cell.lossRate !== undefined || cell.refused !== undefined;
