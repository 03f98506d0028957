import { Command } from "commander";
import { type DocumentOptions, diffNamed, formatChange, readNamed, withDocuments } from "./apply.ts";
import { withClient, withConnection } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** `ferry diff -f examples/quickstart` */
export function diffCommand(terminal: Terminal, ended: Ended): Command {
  const command = withDocuments(new Command("diff"), terminal)
    .description("compare files with what is declared; exit code 1 when they differ")
    .option("--prune", "show also what is declared and not in the files");
  return withConnection(command, terminal).action(async (options: DiffOptions) => {
    const documents = await readNamed(options);
    await withClient(options, terminal, async (client) => {
      const changes = (await diffNamed(client, documents, options, terminal)).filter(
        ({ change, tenant }) =>
          change !== "unchanged" && (change !== "delete" || (options.prune && tenant === options.tenant)),
      );
      for (const change of changes) terminal.stdout.write(formatChange(change));
      ended(changes.length === 0 ? EXIT.done : EXIT.refused);
    });
  });
}

interface DiffOptions extends DocumentOptions {
  readonly prune?: boolean;
}
