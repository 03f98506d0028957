import type { Bus } from "@ferry/bus";
import { findUnchanged } from "./current-records.ts";
import type { ProvisioningDocument } from "./document.ts";
import { type PublishOptions, type PublishOutcome, publishRecords } from "./publish-records.ts";

/**
 * Publishes documents, in their order, and waits until each is APPLIED or REJECTED; models and profiles that are in force as they are, are not published again.
 *
 * That they were applied once does not mean that anybody has them now. Records are taken one after another, each after all before it are in force, so a word
 * about any later one says it: where nothing changed, the last document is published all the same.
 * @throws {ProvisioningTimeoutError} nobody says so in time
 */
export async function applyDocuments(
  bus: Bus,
  documents: readonly ProvisioningDocument[],
  { onOutcome = () => {}, ...options }: PublishOptions,
): Promise<readonly PublishOutcome[]> {
  const held = await findUnchanged(bus, documents, options);
  const witness = held.size === documents.length ? documents.at(-1) : undefined;
  const named = (outcome: PublishOutcome): PublishOutcome =>
    witness !== undefined && outcome.outcome === "applied" ? { ...outcome, outcome: "unchanged" } : outcome;
  const published = await publishRecords(
    bus,
    documents.filter((document) => document === witness || !held.has(document)),
    { ...options, onOutcome: (outcome) => onOutcome(named(outcome)) },
  );
  const unchanged = [...held].filter((document) => document !== witness).map(toUnchanged);
  for (const outcome of unchanged) onOutcome(outcome);
  return [...published.map(named), ...unchanged];
}

function toUnchanged({ kind, tenant, id }: ProvisioningDocument): PublishOutcome {
  return { kind, tenant, id, outcome: "unchanged", field: "", reason: "" };
}
