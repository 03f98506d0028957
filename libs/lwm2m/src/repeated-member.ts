const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

/** The first member that an object of valid JSON has twice, with those it lies in: `value.0`; undefined when there is none. `JSON.parse` would silently take the last. */
export function findRepeatedMember(text: string): string | undefined {
  const open: { readonly names: Set<string>; current: string }[] = [];
  let string = "";
  for (const [token] of text.matchAll(JSON_TOKEN)) {
    const level = open.at(-1);
    if (token === "{" || token === "[") open.push({ names: new Set(), current: "" });
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") string = token;
    else if (level !== undefined) {
      level.current = JSON.parse(string) as string; // Names may be escaped.
      if (level.names.has(level.current)) return pathOf(open.map(({ current }) => current));
      level.names.add(level.current);
    }
  }
  return undefined;
}

/** Names from the outside in; arrays have none. */
function pathOf(names: readonly string[]): string {
  return names.filter((name, index) => name !== "" || index === names.length - 1).join(".");
}
