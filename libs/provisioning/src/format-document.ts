import { stringify } from "yaml";
import { maskCredential, toDeviceDocument } from "./device-document.ts";
import { DEFAULT_TENANT, type ProvisioningDocument } from "./document.ts";

/** A document as YAML that `readDocuments` reads; secrets are masked. */
export function formatDocument(document: ProvisioningDocument): string {
  const { kind, tenant } = document;
  return stringify({ kind, ...(tenant === DEFAULT_TENANT ? {} : { tenant }), ...members(document) }, { lineWidth: 0 });
}

function members({ kind, id, body }: ProvisioningDocument): Record<string, unknown> {
  switch (kind) {
    case "model":
      return { id, xml: body.model?.xml };
    case "profile":
      return { name: id, ...(JSON.parse(body.profile?.json ?? "{}") as object) };
    case "device":
      return toDeviceDocument(body.device ?? {});
    case "credential":
      return {
        endpoint: id,
        ...maskCredential(body.credential ?? {}),
        ...(body.previous?.length ? { previous: body.previous.map(maskCredential) } : {}),
      };
  }
}
