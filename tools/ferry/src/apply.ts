import type { FerryClient } from "@ferry/client";
import { type ProvisioningDocument, type PublishOutcome, type RecordChange, readDocuments } from "@ferry/provisioning";
import { Command } from "commander";
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
    const documents = await readNamed(options);
    await withClient(options, terminal, async (client) => {
      const changes = options.prune || options.dryRun ? await diffNamed(client, documents, options, terminal) : [];
      const surplus = options.prune
        ? changes.filter(({ change, tenant }) => change === "delete" && tenant === options.tenant)
        : [];
      if (options.dryRun) {
        for (const change of changes)
          if (change.change !== "delete" || options.prune) terminal.stdout.write(formatChange(change));
        return;
      }
      const outcomes = await applyAll(client, documents, surplus, terminal);
      const rejected = outcomes.filter(({ outcome }) => outcome === "rejected");
      const deleted = outcomes.filter(({ outcome }) => outcome === "deleted").length;
      terminal.stdout.write(
        `${outcomes.length - rejected.length - deleted} applied, ${deleted} deleted, ${rejected.length} rejected\n`,
      );
      ended(rejected.length === 0 ? EXIT.done : EXIT.refused);
    });
  });
}

async function applyAll(
  client: FerryClient,
  documents: readonly ProvisioningDocument[],
  surplus: readonly RecordChange[],
  { stderr, stdout }: Terminal,
): Promise<readonly PublishOutcome[]> {
  const sources = new Map(
    documents.map((document) => [`${document.kind}/${document.tenant}/${document.id}`, document.source]),
  );
  let done = 0;
  const report = ({ kind, tenant, id, outcome, field, reason }: PublishOutcome): void => {
    done += 1;
    if (outcome === "rejected") {
      const source = sources.get(`${kind}/${tenant}/${id}`);
      stderr.write(
        `rejected ${kind} ${id}${source === undefined ? "" : ` (${source})`}: ${field === "" ? "" : `${field} `}${reason}\n`,
      );
    } else if (documents.length + surplus.length <= FEW) stdout.write(`${outcome} ${kind} ${id}\n`);
    else if (done % PROGRESS_STEP === 0) stderr.write(`${done} of ${documents.length + surplus.length}\n`);
  };
  // What goes away goes first: it may hold an identity that something new takes.
  const deleted = surplus.length === 0 ? [] : await client.remove(surplus, report);
  const applied = documents.length === 0 ? [] : await client.apply(documents, report);
  return [...deleted, ...applied];
}

/** Up to so many are told one by one. */
const FEW = 20;
const PROGRESS_STEP = 100;

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
