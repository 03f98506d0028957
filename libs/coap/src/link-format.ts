import { CoapFormatError } from "./errors.ts";

/** One link of a CoRE link list (RFC 6690 §2): `</3/0>;ver=1.1`. */
export interface CoreLink {
  /** The reference between the angle brackets. */
  readonly target: string;
  /** Attributes in the order in which they were written; one name may occur more than once. */
  readonly attributes: readonly LinkAttribute[];
}

export interface LinkAttribute {
  readonly name: string;
  /** The value without its quotes; `undefined` for a flag such as `;obs`. */
  readonly value: string | undefined;
}

/** No device lists more links than this. */
export const MAX_LINKS = 4096;
/** No link carries more attributes than this. */
export const MAX_ATTRIBUTES_PER_LINK = 64;

/** Parses a link list; an empty text is an empty list. Spaces around separators are tolerated. @throws {CoapFormatError} */
export function parseLinkFormat(text: string): CoreLink[] {
  const links: CoreLink[] = [];
  const reader = new LinkReader(text);
  reader.skipSpaces();
  while (!reader.atEnd) {
    if (links.length === MAX_LINKS) throw new CoapFormatError(`more than ${MAX_LINKS} links`);
    if (links.length > 0) reader.expect(",");
    links.push(parseLink(reader));
  }
  return links;
}

/** Formats a link list; a value is quoted unless it consists of characters that need no quotes (RFC 6690 §2 `ptoken`). */
export function formatLinkFormat(links: readonly CoreLink[]): string {
  return links.map(formatLink).join(",");
}

function parseLink(reader: LinkReader): CoreLink {
  reader.expect("<");
  const target = reader.until(">");
  const attributes: LinkAttribute[] = [];
  while (reader.accept(";")) {
    if (attributes.length === MAX_ATTRIBUTES_PER_LINK) {
      throw new CoapFormatError(`more than ${MAX_ATTRIBUTES_PER_LINK} attributes of <${target}>`);
    }
    const name = reader.name();
    attributes.push({ name, value: reader.accept("=") ? reader.value() : undefined });
  }
  return { target, attributes };
}

function formatLink({ target, attributes }: CoreLink): string {
  return `<${target}>${attributes.map(formatAttribute).join("")}`;
}

function formatAttribute({ name, value }: LinkAttribute): string {
  if (value === undefined) return `;${name}`;
  return UNQUOTED.test(value) ? `;${name}=${value}` : `;${name}="${value.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** Characters that may stand outside quotes in a value (RFC 6690 §2 `ptoken`). */
const UNQUOTED = /^[!#$%&'()*+\-./0-9:<=>?@A-Z[\]^_`a-z{|}~]+$/;
/** Characters of an attribute's name (RFC 6690 §2 `parmname`, RFC 5987 §3.2.1), with the `*` of its extended form. */
const NAME = /[!#$&+\-.^_`|~0-9A-Za-z*]+/y;
const VALUE = /[!#$%&'()*+\-./0-9:<=>?@A-Z[\]^_`a-z{|}~]*/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy;
const SPACES = " \t\r\n";

/** A cursor over the text; every failure names the place. */
class LinkReader {
  readonly #text: string;
  #next = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get atEnd(): boolean {
    return this.#next === this.#text.length;
  }

  skipSpaces(): void {
    while (!this.atEnd && SPACES.includes(this.#text.charAt(this.#next))) this.#next++;
  }

  accept(character: string): boolean {
    this.skipSpaces();
    if (this.#text[this.#next] !== character) return false;
    this.#next++;
    return true;
  }

  expect(character: string): void {
    if (!this.accept(character)) throw this.#error(`"${character}" expected`);
  }

  until(character: string): string {
    const end = this.#text.indexOf(character, this.#next);
    if (end < 0) throw this.#error(`"${character}" missing after here`);
    const part = this.#text.slice(this.#next, end);
    this.#next = end + 1;
    return part;
  }

  name(): string {
    this.skipSpaces();
    const name = this.#match(NAME)?.[0];
    if (name === undefined) throw this.#error("attribute name expected");
    return name;
  }

  value(): string {
    this.skipSpaces();
    if (this.#text[this.#next] !== '"') return this.#match(VALUE)?.[0] ?? "";
    const quoted = this.#match(QUOTED)?.[1];
    if (quoted === undefined) throw this.#error("quoted value does not end");
    return quoted.replaceAll(/\\(.)/gs, "$1");
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#next;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#next = pattern.lastIndex;
    return match;
  }

  #error(what: string): CoapFormatError {
    return new CoapFormatError(`link format: ${what} at character ${this.#next} of ${this.#text.length}`);
  }
}
