/** Links of link-format text as they are; commas inside targets and quoted strings do not part them (RFC 6690 §2). */
export function splitLinks(text: string): readonly string[] {
  return text.match(/(?:<[^>]*>?|"(?:\\.|[^"\\])*"?|[^,<"])+/g)?.map((link) => link.trim()) ?? [];
}

/** A link by its parts, values with their quotes. */
export interface LinkText {
  readonly target: string;
  /** Names and values in order; the value is null where there is only a name. */
  readonly attributes: readonly (readonly [name: string, value: string | null])[];
}

/** Takes a link apart: `<>;rt="oma.lwm2m";ct=110`. */
export function parseLinkText(link: string): LinkText {
  const end = link.indexOf(">");
  const parameters = link.slice(end + 1).match(/(?:"(?:\\.|[^"\\])*"?|[^;"])+/g) ?? [];
  const attributes = parameters.map((parameter) => {
    const [, name = "", value] = /^([^=]*)(?:=(.*))?$/s.exec(parameter) ?? [];
    return [name.trim(), value?.trim() ?? null] as const;
  });
  return { target: link.slice(1, end), attributes };
}
