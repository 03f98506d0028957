/** A request as a person types it. */
export interface TerminalRequest {
  readonly method: string;
  /** JSON text; empty when the line has only a method. */
  readonly params: string;
}

/** Takes a terminal line apart: `Read {"id":"/3/0/9"}`. Arguments that are not JSON are sent as a JSON string. */
export function parseTerminalLine(line: string): TerminalRequest {
  const trimmed = line.trim();
  const space = trimmed.search(/\s/);
  if (space < 0) return { method: trimmed, params: "" };
  const args = trimmed.slice(space).trim();
  return { method: trimmed.slice(0, space), params: isJson(args) ? args : JSON.stringify(args) };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    if (error instanceof SyntaxError) return false;
    throw error;
  }
}
