import { CONFIGURATIONS, type Configuration, ModelServer, symbolsOf } from "./model-server.ts";
import { answeredPath, LEGAL_PATHS } from "./paths.ts";
import type { ModelSymbol } from "./symbols.ts";

// One symbol a line comes in, what the server did goes out. `reset` begins anew and gives nothing; `symbols` gives all of them, `paths` words to begin with.
const configuration = process.argv[2] as Configuration;
if (!(configuration in CONFIGURATIONS)) {
  process.stderr.write(`usage: node system-under-learning.ts ${Object.keys(CONFIGURATIONS).join("|")}\n`);
  process.exit(2);
}

let server = new ModelServer(configuration);
let rest = "";
// A write for all that came together: there are a hundred thousand lines.
for await (const text of process.stdin.setEncoding("utf8")) {
  const lines = `${rest}${text}`.split("\n");
  rest = lines.pop() ?? "";
  process.stdout.write(lines.flatMap(answer).join(""));
}

function beginnings(): string[] {
  const { isLate } = CONFIGURATIONS[configuration];
  return Object.values(LEGAL_PATHS[configuration]).map((path) => (isLate ? answeredPath(path) : path).join(" "));
}

function answer(line: string): string[] {
  switch (line) {
    case "reset":
      server = new ModelServer(configuration);
      return [];
    case "symbols":
      return [`${symbolsOf(configuration).join(" ")}\n`];
    case "paths":
      return [`${beginnings().join(", ")}\n`];
    default:
      return [`${server.step(line as ModelSymbol)}\n`];
  }
}
