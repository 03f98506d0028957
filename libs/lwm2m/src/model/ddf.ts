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

const OBJECT_TYPE = "MODefinition";

/** Names of data types in a DDF (OMA LwM2M Core 1.1.1 appendix D), small and without blanks: published files differ in both. */
const DATA_TYPES: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  ["string", "STRING"],
  ["integer", "INTEGER"],
  ["unsignedinteger", "UNSIGNED_INTEGER"],
  ["float", "FLOAT"],
  ["boolean", "BOOLEAN"],
  ["opaque", "OPAQUE"],
  ["time", "TIME"],
  ["objlnk", "OBJLNK"],
  ["corelnk", "CORELINK"],
]);
/** What stands in place of the type of what is executed. */
const NO_TYPE: ReadonlySet<string> = new Set(["", "none", "n/a", "-"]);

/** The words of the schema first; after them what published files write in their place, all in small letters. */
const MULTIPLE: ReadonlyMap<string, boolean> = new Map([
  ["multiple", true],
  ["single", false],
  ["yes", true],
  ["no", false],
  ["true", true],
  ["false", false],
]);
const MANDATORY: ReadonlyMap<string, boolean> = new Map([
  ["mandatory", true],
  ["optional", false],
  ["yes", true],
  ["no", false],
  ["true", true],
  ["false", false],
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
  const document = parseXml(withoutByteOrderMark(xml));
  if (!("LWM2M" in document)) throw new InvalidModelError("root element is not <LWM2M>");
  const root = child(document, "LWM2M");
  const objects = root === undefined ? [] : children(root, "Object"); // An empty element is text.
  if (objects.length === 0) throw new InvalidModelError("<LWM2M> has no <Object>");
  return objects.map(parseObject);
}

/**
 * Documents of one Object each, in which all of a document is: what a record of one object holds. A document of one Object is left as it is.
 *
 * It looks at the markup alone: what it gives is still to be parsed.
 */
export function splitDdf(xml: string): readonly string[] {
  const markup = blankHidden(xml);
  const objects: string[] = [];
  const start = /<Object[\s>]/g;
  for (let match = start.exec(markup); match !== null; match = start.exec(markup)) {
    const close = markup.indexOf(OBJECT_END, match.index);
    if (close < 0) break;
    start.lastIndex = close + OBJECT_END.length;
    objects.push(`<LWM2M>${xml.slice(match.index, start.lastIndex)}</LWM2M>\n`);
  }
  return objects.length < 2 ? [xml] : objects;
}

const OBJECT_END = "</Object>";

/** What is no markup: CDATA sections and comments. */
const HIDDEN: readonly (readonly [start: string, end: string])[] = [
  ["<![CDATA[", "]]>"],
  ["<!--", "-->"],
];

/** The document with blanks in place of CDATA sections and comments: what stands in the result stands there in the document too. One pass, whatever it holds. */
function blankHidden(xml: string): string {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const start = xml.indexOf("<!", from);
    if (start < 0) return parts.join("") + xml.slice(from);
    const [opening, closing] = HIDDEN.find(([text]) => xml.startsWith(text, start)) ?? ["<!", ""];
    const end = closing === "" ? start + opening.length : xml.indexOf(closing, start + opening.length);
    const next = end < 0 ? xml.length : end + closing.length;
    parts.push(xml.slice(from, start), closing === "" ? opening : " ".repeat(next - start));
    from = next;
  }
}

function withoutByteOrderMark(xml: string): string {
  return xml.startsWith("\uFEFF") ? xml.slice(1) : xml;
}

function checkDocument(xml: string): void {
  const sizeBytes = Buffer.byteLength(xml);
  if (sizeBytes > MAX_DDF_BYTES) {
    throw new InvalidModelError(`document has ${sizeBytes} bytes, at most ${MAX_DDF_BYTES} are taken`);
  }
  const markup = blankHidden(xml);
  if (/<!/.test(markup)) throw new InvalidModelError("document has a DOCTYPE or another declaration, which is refused");
  const entity = /&(?!(?:lt|gt|amp|quot|apos|#\d{1,7}|#x[0-9a-fA-F]{1,6});)[^;\s]{0,32}/.exec(markup);
  if (entity !== null) throw new InvalidModelError(`document has the entity ${entity[0]}, which is refused`);
}

function parseXml(xml: string): Element {
  const validity = XMLValidator.validate(xml);
  if (validity !== true) {
    const { line, msg } = validity.err;
    const open = /^Invalid '\[(.*)\]' found\.$/.exec(msg)?.[1]?.match(/\w+/g); // As the validator says it of what is cut off.
    throw new InvalidModelError(`line ${line}: ${open ? `not closed: <${open.join("> <")}>` : msg}`);
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
  const objectType = text(element, "@ObjectType");
  if (objectType !== OBJECT_TYPE) {
    throw new InvalidModelError(`ObjectType of object ${id}: ${objectType || "nothing"} is not ${OBJECT_TYPE}`);
  }
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
  const operations = parseOperations(text(element, "Operations"), where);
  const typeName = text(element, "Type");
  const type = DATA_TYPES.get(typeName.replaceAll(/\s/g, "").toLowerCase());
  if (type === undefined && !NO_TYPE.has(typeName.toLowerCase()))
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

/** The letters in the order R, W, E: published files have them in any, of any size, and with commas between. */
function parseOperations(given: string, where: string): string {
  const letters = [...given.toUpperCase().replaceAll(/[\s,]/g, "")];
  const operations = ["R", "W", "E"].filter((letter) => letters.includes(letter)).join("");
  const isKnown = letters.length === operations.length && (operations === "E" || !operations.includes("E"));
  if (!isKnown) throw new InvalidModelError(`<Operations> ${where}: ${given} is not R, W, RW or E`);
  return operations;
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
  // Old drafts call it MandatoryType.
  const value = text(element, name) || text(element, `${name}Type`);
  const meaning = values.get(value.toLowerCase());
  if (meaning === undefined) {
    const wanted = [...values.keys()].slice(0, 2).map(capitalise).join(" or ");
    throw new InvalidModelError(`<${name}> ${where}: ${value || "nothing"} is not ${wanted}`);
  }
  return meaning;
}

function capitalise(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
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
