/** What the check reads of a workspace's package.json. */
export interface Manifest {
  readonly name: string;
  readonly nx?: { readonly tags?: readonly string[] };
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** Which layers a layer may import; every workspace carries one of these as its Nx tag. Test helpers are devDependencies. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  protocol: ["protocol"],
  contract: ["protocol", "contract"],
  adapter: ["protocol", "contract", "adapter"],
  service: ["protocol", "contract", "adapter"],
  app: ["protocol", "contract", "adapter", "service", "app"],
  test: ["protocol", "contract", "adapter", "service", "app", "test"],
};

/** One sentence for each dependency that points upward, and for each workspace without a layer. */
export function layerViolations(manifests: readonly Manifest[]): readonly string[] {
  const layers = new Map(manifests.map((manifest) => [manifest.name, layerOf(manifest)]));
  return manifests.flatMap((manifest) => {
    const layer = layerOf(manifest);
    const allowed = MAY_IMPORT[layer];
    if (allowed === undefined) return [`${manifest.name} has no layer: "${layer}"`];
    return Object.keys(manifest.dependencies ?? {})
      .filter((dependency) => layers.has(dependency) && !allowed.includes(layers.get(dependency) ?? ""))
      .map((dependency) => `${manifest.name} (${layer}) imports ${dependency} (${layers.get(dependency)})`);
  });
}

function layerOf(manifest: Manifest): string {
  return manifest.nx?.tags?.find((tag) => tag.startsWith("layer:"))?.slice("layer:".length) ?? "";
}
