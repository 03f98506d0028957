import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CODE, CONTENT_FORMAT, OPTION, uintOption } from "@ferry/coap";
import {
  type CoapResponse,
  encodeTimedValues,
  flattenNode,
  fromCoapResponse,
  isWithin,
  type LwM2mPath,
  ModelRegistry,
  type Operation,
  type OperationOutcome,
  operationPaths,
  parseDdf,
  parseObjectLinks,
  parsePath,
  type ResourceModel,
  type TimedValue,
} from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { KeyMap, parseDeviceProfile } from "@ferry/profile";
import { convertValue, type Json, type OperationContext, parseJson } from "@ferry/rpc";
import type { LeshanValue } from "@ferry/testing";
import { parseAllDocuments } from "yaml";

const LESHAN = join(import.meta.dirname, "../interop/leshan/src/main/resources");
const DDFS = ["3303-1_0", "31024-1_0", "38000-1_0"].flatMap((name) =>
  parseDdf(readFileSync(join(LESHAN, `models/${name}.xml`), "utf8")),
);
const MODELS = new ModelRegistry([...loadCoreModels(), ...DDFS]);
/** The documents that the end-to-end rows declare. */
const DOCUMENTS: readonly { readonly kind: string; readonly name?: string; readonly resources?: object }[] =
  parseAllDocuments(readFileSync(join(import.meta.dirname, "seed-rows/documents.yaml"), "utf8")).map(
    (document) => document.toJS() as (typeof DOCUMENTS)[number],
  );

/** A fixture of Leshan's client: `{"3": {"version": "1.0", "instances": {"0": {"9": 75}}}}`. */
type Fixture = Readonly<
  Record<
    string,
    { readonly version: string; readonly instances: Readonly<Record<string, Record<string, LeshanValue>>> }
  >
>;

/** A device on paper: it has the objects and values of a fixture of Leshan's client and answers operations at once, by SenML JSON. */
export class PaperDevice {
  /** What the server knows of it. */
  readonly context: OperationContext;
  /** Links of its registration. */
  readonly links: string;
  readonly #instances = new Set<string>();
  #values: TimedValue[] = [];

  constructor(fixtureName: string, profileName: string, contentFormats = "0 42 60 110 112 11542") {
    const fixture = JSON.parse(readFileSync(join(LESHAN, `fixtures/${fixtureName}.json`), "utf8")) as Fixture;
    const objects = Object.entries(fixture).flatMap(([id, { version, instances }]) => [
      `</${id}>;ver=${version}`,
      ...Object.keys(instances).map((instanceId) => `</${id}/${instanceId}>`),
    ]);
    this.links = [`</>;rt="oma.lwm2m";ct="${contentFormats}"`, ...objects].join(",");
    const supported = parseObjectLinks(this.links, "1.1");
    const document = DOCUMENTS.find(({ kind, name }) => kind === "profile" && name === profileName);
    const profile = parseDeviceProfile({ resources: document?.resources ?? {} });
    const keys = new KeyMap(profile, supported);
    this.context = { supported, models: MODELS.view("default", supported), keys, profile };
    for (const [objectId, { instances }] of Object.entries(fixture)) {
      for (const [instanceId, resources] of Object.entries(instances)) {
        this.#instances.add(`${objectId}/${instanceId}`);
        for (const [id, value] of Object.entries(resources)) this.set(`/${objectId}/${instanceId}/${id}`, value);
      }
    }
  }

  /** Gives a resource a value, as Leshan's client is told: OPAQUE as hex, instances as an object. */
  set(pathText: string, value: LeshanValue): void {
    this.#replace(parsePath(pathText), this.parse(pathText, value));
  }

  /** The values of a resource in the form of {@link set}. */
  parse(pathText: string, value: LeshanValue): TimedValue[] {
    const path = parsePath(pathText);
    const type = this.#modelOf(path)?.type ?? "NONE";
    const scalar = (at: LwM2mPath, json: unknown): TimedValue[] => {
      const converted = type === "NONE" ? undefined : convertValue(parseJson(JSON.stringify(json)) as Json, type);
      return converted === undefined ? [] : [{ path: at, value: converted }];
    };
    if (typeof value !== "object" || value === null) return scalar(path, value);
    return Object.entries(value).flatMap(([id, member]) => scalar([...path, Number(id)], member));
  }

  /** What the device has at or below a path. */
  valuesAt(path: LwM2mPath): readonly TimedValue[] {
    return this.#values.filter((value) => isWithin(value.path, path));
  }

  /** Carries an operation out and answers it. */
  perform(operation: Operation): OperationOutcome {
    return fromCoapResponse(operation, this.#respond(operation), this.context.models);
  }

  #respond(operation: Operation): CoapResponse {
    const [path = []] = operationPaths(operation);
    switch (operation.type) {
      case "read":
      case "observe":
        if (this.#modelOf(path)?.operations.includes("R") === false) return empty(CODE.METHOD_NOT_ALLOWED);
        return this.#has(path) ? content(this.valuesAt(path), path) : empty(CODE.NOT_FOUND);
      case "readComposite":
      case "observeComposite":
        return content(
          operation.paths.flatMap((each) => this.valuesAt(each)),
          [],
        );
      case "write":
        if (operation.mode === "replace") this.#replace(path, flattenNode(path, operation.node));
        else for (const value of flattenNode(path, operation.node)) this.#replace(value.path, [value]);
        return empty(CODE.CHANGED);
      case "writeComposite":
        for (const { path: each, node } of operation.nodes) this.#replace(each, flattenNode(each, node));
        return empty(CODE.CHANGED);
      case "create":
        for (const { id = 2, resources } of operation.instances) {
          const instance = [path[0] ?? 0, id];
          this.#instances.add(instance.join("/"));
          this.#replace(instance, flattenNode(instance, { type: "objectInstance", id, resources }));
        }
        return empty(CODE.CREATED);
      case "delete":
        if (!this.#instances.delete(path.join("/"))) return empty(CODE.NOT_FOUND);
        this.#replace(path, []);
        return empty(CODE.DELETED);
      default:
        return empty(CODE.CHANGED);
    }
  }

  #replace(path: LwM2mPath, values: readonly TimedValue[]): void {
    this.#values = [...this.#values.filter((value) => !isWithin(value.path, path)), ...values];
  }

  #has(path: LwM2mPath): boolean {
    return path.length === 1 || this.#instances.has(path.join("/")) || this.valuesAt(path).length > 0;
  }

  #modelOf([objectId = -1, , resourceId = -1]: LwM2mPath): ResourceModel | undefined {
    return this.context.models.object(objectId)?.resources.get(resourceId);
  }
}

function empty(code: number): CoapResponse {
  return { code, options: [], payload: new Uint8Array() };
}

function content(values: readonly TimedValue[], path: LwM2mPath): CoapResponse {
  const format = CONTENT_FORMAT.SENML_JSON;
  const payload =
    values.length === 0 ? Buffer.from(`[{"bn":"/${path.join("/")}"}]`) : encodeTimedValues(format, values);
  return { code: CODE.CONTENT, options: [uintOption(OPTION.CONTENT_FORMAT, format)], payload };
}
