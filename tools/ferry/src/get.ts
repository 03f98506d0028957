import { Argument, Command, Option } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { formatTable } from "./table.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** What can be declared, in the plural and singular that people use. */
const KINDS = {
  models: "model",
  profiles: "profile",
  devices: "device",
  credentials: "credential",
  model: "model",
  profile: "profile",
  device: "device",
  credential: "credential",
} as const;

/** `ferry get profiles -o yaml` */
export function getCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("get")
    .description("show what is declared; secrets are masked")
    .addArgument(new Argument("[kind]", "only this kind").choices(Object.keys(KINDS)))
    .argument("[id]", "only this one")
    .addOption(new Option("-o, --output <format>", "how it is shown").choices(["names", "yaml"]).default("names"));
  return withConnection(command, terminal).action(
    async (kind: keyof typeof KINDS | undefined, id: string | undefined, options: GetOptions) => {
      await withClient(options, terminal, async (client) => {
        const all = await client.get(kind === undefined ? undefined : KINDS[kind]);
        const found = all.filter((record) => id === undefined || record.id === id);
        if (kind !== undefined && id !== undefined && found.length === 0) {
          terminal.stderr.write(`ferry: no ${KINDS[kind]} ${id} is declared\n`);
          return ended(EXIT.refused);
        }
        if (options.output === "yaml") terminal.stdout.write(found.map(({ yaml }) => yaml).join("---\n"));
        else
          terminal.stdout.write(
            formatTable(
              ["KIND", "TENANT", "ID"],
              found.map((record) => [record.kind, record.tenant, record.id]),
            ),
          );
        ended(EXIT.done);
      });
    },
  );
}

interface GetOptions extends ConnectOptions {
  readonly output: "names" | "yaml";
}
