import { Argument, Command } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

const KINDS = ["model", "profile", "device"] as const;

/** `ferry delete device demo` */
export function deleteCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("delete")
    .description("delete what is declared; a device's registration and state end with it")
    .addArgument(new Argument("<kind>", "what it is").choices(KINDS))
    .argument("<ids...>", "endpoint, profile name or model id (3_1.2)")
    .option("--tenant <tenant>", "its tenant", "default");
  return withConnection(command, terminal).action(
    async (kind: (typeof KINDS)[number], ids: string[], options: DeleteOptions) => {
      await withClient(options, terminal, async (client) => {
        const outcomes = await client.remove(
          ids.map((id) => ({ kind, tenant: options.tenant, id })),
          ({ outcome, id, reason }) =>
            void terminal.stdout.write(`${outcome} ${kind} ${id}${reason === "" ? "" : `: ${reason}`}\n`),
        );
        ended(outcomes.every(({ outcome }) => outcome === "deleted") ? EXIT.done : EXIT.refused);
      });
    },
  );
}

interface DeleteOptions extends ConnectOptions {
  readonly tenant: string;
}
