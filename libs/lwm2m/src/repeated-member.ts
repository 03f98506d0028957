const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/** The first member that an object of valid JSON has twice, after those it lies in, such as `["value", "0"]`; undefined when there is none. `JSON.parse` would silently take the last. */
export function findRepeatedMember(text: string): readonly string[] | undefined {
  // What is open, from the outside in; `current` is the member that is being read, which arrays do not have.
  const open: { readonly names: Set<string>; current: string | undefined }[] = [];
  let string = "";
  for (const [token] of text.matchAll(JSON_TOKEN)) {
    const level = open.at(-1);
    if (token === "{" || token === "[") open.push({ names: new Set(), current: undefined });
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") string = token;
    else if (level !== undefined) {
      level.current = JSON.parse(string) as string; // Names may be escaped.
      if (level.names.has(level.current)) return open.flatMap(({ current }) => current ?? []);
      level.names.add(level.current);
    }
  }
  return undefined;
}
