import { ModelRegistry } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import type { DeviceProfile } from "@ferry/profile";
import { parse } from "yaml";
import { checkProfile } from "./check-profile.ts";
import type { ProvisioningDocument } from "./document.ts";
import { ProvisioningError } from "./errors.ts";
import { modelTenant, type ProvisionedRecord, parseBody, parseModelXml } from "./parse-record.ts";

/**
 * What the profiles among `documents` ask for in vain, as far as models tell: the shipped ones, those among the documents, and those that are declared.
 *
 * `declaredModels` answers the declared ones as `formatDocument` writes them; it is asked only where a profile names an object or version that is not among the others.
 */
export async function profileWarnings(
  documents: readonly ProvisioningDocument[],
  declaredModels: () => Promise<readonly { readonly tenant: string; readonly yaml: string }[]>,
): Promise<readonly string[]> {
  const profiles = documents.flatMap((document) => {
    const record = document.kind === "profile" ? parseBody(document, document.body) : undefined;
    return record?.kind === "profile" ? [{ ...record, source: document.source }] : [];
  });
  if (profiles.length === 0) return [];
  const models = new ModelRegistry(loadCoreModels());
  const given = documents.filter(({ kind }) => kind === "model").map((document) => parseBody(document, document.body));
  putModels(models, given);
  if (profiles.some(({ tenant, profile }) => namesUnknown(profile, tenant, models))) {
    for (const { tenant, yaml } of await declaredModels()) putDeclared(models, tenant, yaml);
    putModels(models, given);
  }
  return profiles.flatMap(({ tenant, id, profile, source }) =>
    checkProfile(profile, tenant, models).map(
      (problem) => `profile ${id}${source === undefined ? "" : ` (${source})`}: ${problem}`,
    ),
  );
}

function putModels(models: ModelRegistry, records: readonly ProvisionedRecord[]): void {
  for (const record of records) if (record.kind === "model") models.put(modelTenant(record.tenant), record.model);
}

function putDeclared(models: ModelRegistry, tenant: string, yaml: string): void {
  try {
    models.put(modelTenant(tenant), parseModelXml(String((parse(yaml) as { readonly xml?: unknown }).xml)));
  } catch (error) {
    // What was declared before may be bad by now: nobody is served by it.
    if (!(error instanceof ProvisioningError)) throw error;
  }
}

function namesUnknown({ entries, bootstrap }: DeviceProfile, tenant: string, models: ModelRegistry): boolean {
  const known = models.list(tenant);
  if (bootstrap.objects.some(({ path: [objectId] }) => !known.some(({ id }) => id === objectId))) return true;
  return entries.some(
    ({ path: [objectId], version }) =>
      !known.some((model) => model.id === objectId && (version === undefined || version === model.version)),
  );
}
