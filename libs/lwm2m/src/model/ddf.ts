import { XMLParser, XMLValidator } from "fast-xml-parser";
import { InvalidModelError } from "../errors.ts";
import { isObjectVersion } from "../path.ts";
import type { DataType } from "../value.ts";
import type { ObjectModel, ResourceModel } from "./object-model.ts";

/** Largest document that is parsed. */
const MAX_DDF_BYTES = 1024 * 1024;
/** A DDF has six levels: LWM2M, Object, Resources, Item and the elements of an item. */
const MAX_DEPTH = 12;
/** Most resources of one object; ids allow 65536, real objects have dozens. */
const MAX_RESOURCES = 4096;

const MAX_ID = 65_535;
const DEFAULT_OBJECT_VERSION = "1.0";
const DEFAULT_LWM2M_VERSION = "1.0";

/** Names of data types in a DDF (OMA LwM2M Core 1.1.1 appendix D). */
const DATA_TYPES: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ["string", "STRING"],
  ["integer", "INTEGER"],
  ["unsigned integer", "UNSIGNED_INTEGER"],
  ["float", "FLOAT"],
  ["boolean", "BOOLEAN"],
  ["opaque", "OPAQUE"],
  ["time", "TIME"],
  ["objlnk", "OBJLNK"],
  ["corelnk", "CORELINK"],
]);

const MULTIPLE: ReadonlyMap<string, boolean> = new Map([
  ["Multiple", true],
  ["Single", false],
]);
const MANDATORY: ReadonlyMap<string, boolean> = new Map([
  ["Mandatory", true],
  ["Optional", false],
]);

const PARSER = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "@",
  parseTagValue: false,
  parseAttributeValue: false,
  maxNestedTags: MAX_DEPTH,
  isArray: (name) => name === "Object" || name === "Item",
});

/** A parsed element: text, or members by element name and by `@attribute`. */
type Element = Readonly<Record<string, unknown>>;

/**
 * Parses a DDF document into the Objects that it defines (OMA LwM2M Core 1.1.1 appendix D).
 *
 * Document types and entities of one's own are refused, so nothing is expanded or fetched.
 * @throws {InvalidModelError} naming the element
 */
export function parseDdf(xml: string): readonly ObjectModel[] {
  checkDocument(xml);
  const root = child(parseXml(xml), "LWM2M");
  if (root === undefined) throw new InvalidModelError("root element is not <LWM2M>");
  const objects = children(root, "Object");
  if (objects.length === 0) throw new InvalidModelError("<LWM2M> has no <Object>");
  return objects.map(parseObject);
}

function checkDocument(xml: string): void {
  const sizeBytes = Buffer.byteLength(xml);
  if (sizeBytes > MAX_DDF_BYTES) {
    throw new InvalidModelError(`document has ${sizeBytes} bytes, at most ${MAX_DDF_BYTES} are taken`);
  }
  const markup = xml.replaceAll(/<!\[CDATA\[[\s\S]*?\]\]>|<!--[\s\S]*?-->/g, "");
  if (/<!/.test(markup)) throw new InvalidModelError("document has a DOCTYPE or another declaration, which is refused");
  const entity = /&(?!(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)[^;\s]{0,32}/.exec(markup);
  if (entity !== null) throw new InvalidModelError(`document has the entity ${entity[0]}, which is refused`);
}

function parseXml(xml: string): Element {
  const validity = XMLValidator.validate(xml);
  if (validity !== true) {
    throw new InvalidModelError(`line ${validity.err.line}: ${validity.err.msg}`);
  }
  try {
    return PARSER.parse(xml) as Element; // An object by its contract.
  } catch (error) {
    // The parser throws plain errors, for what breaks its bounds.
    if (error instanceof Error) throw new InvalidModelError(error.message, { cause: error });
    throw error;
  }
}

function parseObject(element: Element, index: number): ObjectModel {
  const id = parseId(text(element, "ObjectID"), `<ObjectID> of <Object> ${index + 1}`);
  const where = `of object ${id}`;
  const version = text(element, "ObjectVersion") || DEFAULT_OBJECT_VERSION;
  if (!isObjectVersion(version)) throw new InvalidModelError(`<ObjectVersion> ${where}: ${version} is not major.minor`);
  const resources = new Map<number, ResourceModel>();
  const items = children(child(element, "Resources") ?? {}, "Item");
  if (items.length > MAX_RESOURCES) throw new InvalidModelError(`<Resources> ${where}: more than ${MAX_RESOURCES}`);
  for (const item of items) {
    const resource = parseResource(item, where);
    if (resources.has(resource.id)) throw new InvalidModelError(`<Item ID="${resource.id}"> ${where} is there twice`);
    resources.set(resource.id, resource);
  }
  return {
    id,
    name: required(element, "Name", where),
    version,
    lwm2mVersion: text(element, "LWM2MVersion") || DEFAULT_LWM2M_VERSION,
    urn: required(element, "ObjectURN", where),
    multiple: oneOf(MULTIPLE, element, "MultipleInstances", where),
    mandatory: oneOf(MANDATORY, element, "Mandatory", where),
    resources,
  };
}

function parseResource(element: Element, whereObject: string): ResourceModel {
  const id = parseId(text(element, "@ID"), `<Item ID> ${whereObject}`);
  const where = `of resource ${id} ${whereObject}`;
  const operations = text(element, "Operations");
  if (!/^(R?W?|E)$/.test(operations))
    throw new InvalidModelError(`<Operations> ${where}: ${operations} is not R, W, RW or E`);
  const typeName = text(element, "Type");
  const type = DATA_TYPES.get(typeName.toLowerCase());
  if (type === undefined && typeName !== "")
    throw new InvalidModelError(`<Type> ${where}: ${typeName} is no data type`);
  if (type === undefined && operations !== "E") throw new InvalidModelError(`<Type> ${where} is missing`);
  return {
    id,
    name: required(element, "Name", where),
    operations,
    multiple: oneOf(MULTIPLE, element, "MultipleInstances", where),
    mandatory: oneOf(MANDATORY, element, "Mandatory", where),
    type: operations === "E" ? undefined : type,
    rangeEnumeration: text(element, "RangeEnumeration"),
    units: text(element, "Units"),
  };
}

function parseId(idText: string, where: string): number {
  const id = /^\d{1,5}$/.test(idText) ? Number(idText) : Number.NaN;
  if (!(id <= MAX_ID)) throw new InvalidModelError(`${where}: ${idText || "nothing"} is not in 0..${MAX_ID}`);
  return id;
}

function required(element: Element, name: string, where: string): string {
  const value = text(element, name);
  if (value === "") throw new InvalidModelError(`<${name}> ${where} is missing`);
  return value;
}

function oneOf(values: ReadonlyMap<string, boolean>, element: Element, name: string, where: string): boolean {
  const value = text(element, name);
  const meaning = values.get(value);
  if (meaning === undefined) {
    throw new InvalidModelError(`<${name}> ${where}: ${value || "nothing"} is not ${[...values.keys()].join(" or ")}`);
  }
  return meaning;
}

/** The text of a child element or attribute; empty when it is absent or has none. */
function text(element: Element, name: string): string {
  const value = element[name];
  return typeof value === "string" ? value.trim() : "";
}

function child(element: Element, name: string): Element | undefined {
  const value = element[name];
  return isElement(value) ? value : undefined;
}

function children(element: Element, name: string): Element[] {
  const value = element[name];
  return Array.isArray(value) ? value.filter(isElement) : [];
}

function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
