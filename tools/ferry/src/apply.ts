import type { FerryClient } from "@ferry/client";
import {
  formatDocumentError,
  InvalidDocumentsError,
  type ProvisioningDocument,
  type PublishOutcome,
  profileWarnings,
  type ReadResult,
  type RecordChange,
  readDocuments,
  readValidDocuments,
} from "@ferry/provisioning";
import { Command } from "commander";
import { ApplyProgress } from "./apply-progress.ts";
import { type ConnectOptions, readSealingKeys, withClient, withConnection } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** Options that say which documents are meant. */
export interface DocumentOptions extends ConnectOptions {
  readonly file: readonly string[];
  readonly tenant: string;
}

interface ApplyOptions extends DocumentOptions {
  readonly prune?: boolean;
  readonly dryRun?: boolean;
}

/** `ferry apply -f examples/quickstart` */
export function applyCommand(terminal: Terminal, ended: Ended): Command {
  const command = withDocuments(new Command("apply"), terminal)
    .description("declare models, profiles and devices, and wait until each is applied")
    .option("--prune", "delete what is declared and not in the files")
    .option("--dry-run", "say what would change, and change nothing");
  return withConnection(command, terminal).action(async (options: ApplyOptions) => {
    const { documents, errors } = await readValid(options, terminal);
    await withClient(options, terminal, async (client) => {
      await warnOfProfiles(client, documents, terminal);
      const changes = options.prune || options.dryRun ? await diffNamed(client, documents, options, terminal) : [];
      const surplus = options.prune
        ? changes.filter(({ change, tenant }) => change === "delete" && tenant === options.tenant)
        : [];
      if (options.dryRun) {
        for (const change of changes)
          if (change.change !== "delete" || options.prune) terminal.stdout.write(formatChange(change));
        ended(errors.length === 0 ? EXIT.done : EXIT.refused);
        return;
      }
      const outcomes = await applyAll(client, documents, surplus, terminal);
      const count = (wanted: PublishOutcome["outcome"]) => outcomes.filter(({ outcome }) => outcome === wanted).length;
      const rejected = count("rejected") + errors.length;
      terminal.stdout.write(
        `${count("applied")} applied, ${count("unchanged")} unchanged, ${count("deleted")} deleted, ${rejected} rejected\n`,
      );
      ended(rejected === 0 ? EXIT.done : EXIT.refused);
    });
  });
}

/**
 * Reads what is valid and tells what is not, which stops nothing else.
 *
 * @throws {InvalidDocumentsError} nothing is valid, or with `--prune` something is not: what it declares would be deleted
 */
async function readValid(options: ApplyOptions, { stderr }: Terminal): Promise<ReadResult> {
  const read = await readValidDocuments(options.file, { tenant: options.tenant, ...readSealingKeys(options) });
  if (options.prune && read.errors.length > 0) throw new InvalidDocumentsError(read.errors);
  for (const error of read.errors) stderr.write(`rejected ${formatDocumentError(error)}\n`);
  return read;
}

/** Most warnings that are told one by one. */
const MAX_WARNINGS = 20;

/** A profile that asks for what no model knows is applied all the same: the models may come later. */
async function warnOfProfiles(
  client: FerryClient,
  documents: readonly ProvisioningDocument[],
  { stderr }: Terminal,
): Promise<void> {
  const warnings = await profileWarnings(documents, () => client.get("model"));
  for (const warning of warnings.slice(0, MAX_WARNINGS)) stderr.write(`warning: ${warning}\n`);
  if (warnings.length > MAX_WARNINGS) stderr.write(`warning: and ${warnings.length - MAX_WARNINGS} more of the kind\n`);
}

async function applyAll(
  client: FerryClient,
  documents: readonly ProvisioningDocument[],
  surplus: readonly RecordChange[],
  terminal: Terminal,
): Promise<readonly PublishOutcome[]> {
  const sources = new Map(documents.map((document) => [keyOf(document), document.source]));
  const progress = new ApplyProgress(terminal, documents.length + surplus.length);
  const report = (outcome: PublishOutcome): void => progress.report(outcome, sources.get(keyOf(outcome)));
  try {
    // What goes away goes first: it may hold an identity that something new takes.
    const deleted = surplus.length === 0 ? [] : await client.remove(surplus, report);
    return [...deleted, ...(await client.apply(documents, report))];
  } finally {
    progress.end();
  }
}

function keyOf({ kind, tenant, id }: Pick<ProvisioningDocument, "kind" | "tenant" | "id">): string {
  return `${kind}/${tenant}/${id}`;
}

/** Adds the options that say which documents are meant. */
export function withDocuments(command: Command, { env }: Terminal): Command {
  return command
    .requiredOption(
      "-f, --file <paths...>",
      "files and folders: *.xml are models, *.yaml and *.json hold profiles and devices",
    )
    .option("--tenant <tenant>", "tenant of what names none", "default")
    .option(
      "--sealing-key-file <file>",
      "seal secrets with this key before they are published; over Kafka it also opens those that are compared",
      env.PROVISIONING_SEALING_KEY_FILE,
    );
}

/** Reads the documents that the options name. */
export function readNamed(options: DocumentOptions): Promise<readonly ProvisioningDocument[]> {
  return readDocuments(options.file, { tenant: options.tenant, ...readSealingKeys(options) });
}

/** Compares documents with what is declared. The HTTP API has no keys to open sealed secrets with, which is said rather than left to be guessed. */
export function diffNamed(
  client: FerryClient,
  documents: readonly ProvisioningDocument[],
  { sealingKeyFile, bootstrapServers }: DocumentOptions,
  { stderr }: Terminal,
): Promise<readonly RecordChange[]> {
  if (sealingKeyFile !== undefined && bootstrapServers === undefined) {
    stderr.write(
      "sealed secrets cannot be compared over the HTTP API: their devices are shown as update (--bootstrap-servers compares them)\n",
    );
  }
  return client.diff(documents);
}

/** One line of a diff. */
export function formatChange({ change, kind, tenant, id }: RecordChange): string {
  return `${change.padEnd(9)}  ${kind} ${tenant === "default" ? "" : `${tenant}/`}${id}\n`;
}
