import { readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { chartTool } from "./chart-tools.ts";

/** A Kubernetes object. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: its shape is what the schema decides
  readonly [field: string]: any;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | false;
  readonly "x-kubernetes-group-version-kind"?: readonly {
    readonly group: string;
    readonly version: string;
    readonly kind: string;
  }[];
}

const REF = "#/definitions/";
const NUMBER = String.raw`([0-9]+(\.[0-9]*)?|\.[0-9]+)`;
/** The OpenAPI document calls these plain strings; the API server takes numbers too, and parses a quantity. */
const EXACT = {
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": { type: ["integer", "string"] },
  "io.k8s.apimachinery.pkg.api.resource.Quantity": {
    type: ["number", "string"],
    pattern: `^[+-]?${NUMBER}([KMGTPE]i|[numkMGTPE]|[eE][+-]?${NUMBER})?$`,
  },
};

/** Says what the API server would refuse in a manifest: unknown fields, missing ones, wrong types and quantities. Empty when nothing. */
export type CheckManifest = (manifest: Manifest) => readonly string[];

/** The check by the kinds of the API server's own OpenAPI document. */
export function createManifestCheck(): CheckManifest {
  const { definitions } = JSON.parse(readFileSync(chartTool("kubernetes-openapi.json"), "utf8")) as {
    readonly definitions: Readonly<Record<string, Schema>>;
  };
  const strict = Object.fromEntries(Object.entries(definitions).map(([name, schema]) => [name, close(schema)]));
  const ajv = new Ajv({ allErrors: true, allowUnionTypes: true });
  ajv.addSchema({ $id: "kubernetes", definitions: { ...strict, ...EXACT } });
  const names = new Map(
    Object.entries(definitions).flatMap(([name, schema]) =>
      (schema["x-kubernetes-group-version-kind"] ?? []).map(({ group, version, kind }) => [
        `${group === "" ? "" : `${group}/`}${version} ${kind}`,
        name,
      ]),
    ),
  );
  return (manifest) => {
    const kind = `${manifest.apiVersion} ${manifest.kind}`;
    const name = names.get(kind);
    if (name === undefined) return [`${kind} is not a kind of Kubernetes`];
    const validate = ajv.getSchema(`kubernetes${REF}${name}`) as ValidateFunction;
    validate(manifest);
    const problems = (validate.errors ?? []).filter(({ schemaPath }) => !schemaPath.includes("/anyOf"));
    return problems.map(
      ({ instancePath, message, params }) =>
        `${manifest.kind} ${manifest.metadata.name}: ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  };
}

/** The schema without prose, closed to unknown fields; null does for any field that is not required, as at the API server. */
function close({ $ref, type, required = [], properties, items, additionalProperties }: Schema): Schema {
  if ($ref !== undefined) return { $ref };
  return {
    ...(type === undefined ? {} : { type }),
    ...(required.length === 0 ? {} : { required }),
    ...(items === undefined ? {} : { items: close(items) }),
    ...(additionalProperties ? { additionalProperties: close(additionalProperties) } : {}),
    ...(properties === undefined
      ? {}
      : {
          additionalProperties: false,
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, property]) => [
              name,
              required.includes(name) ? close(property) : nullable(close(property)),
            ]),
          ),
        }),
  };
}

function nullable(schema: Schema): Schema {
  if (schema.$ref !== undefined) return { anyOf: [schema, { type: "null" }] };
  return schema.type === undefined ? schema : { ...schema, type: [schema.type, "null"].flat() };
}
