import { Argument, Command } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** What can be deleted, also in the plural of `ferry get`. */
const KINDS = {
  model: "model",
  profile: "profile",
  device: "device",
  credential: "credential",
  models: "model",
  profiles: "profile",
  devices: "device",
  credentials: "credential",
} as const;

/** `ferry delete device demo` */
export function deleteCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("delete")
    .description(
      "delete what is declared; a device's registration and state end with it, and without the credential that Ferry made what is declared counts again",
    )
    .addArgument(new Argument("<kind>", "what it is").choices(Object.keys(KINDS)))
    .argument("<ids...>", "endpoint (also of a credential), profile name or model id (3_1.2)")
    .option("--tenant <tenant>", "its tenant", "default");
  return withConnection(command, terminal).action(
    async (named: keyof typeof KINDS, ids: string[], options: DeleteOptions) => {
      const kind = KINDS[named];
      await withClient(options, terminal, async (client) => {
        const declared = await client.get(kind);
        const isDeclared = (id: string): boolean =>
          declared.some((record) => record.id === id && record.tenant === options.tenant);
        const unknown = ids.filter((id) => !isDeclared(id));
        for (const id of unknown)
          terminal.stderr.write(`ferry: no ${kind} ${id} is declared in tenant ${options.tenant}\n`);
        // Those too: a record that nobody can read is not listed.
        const outcomes = await client.remove(
          ids.map((id) => ({ kind, tenant: options.tenant, id })),
          ({ outcome, id, reason }) => {
            if (unknown.includes(id)) return;
            terminal.stdout.write(`${outcome} ${kind} ${id}${reason === "" ? "" : `: ${reason}`}\n`);
          },
        );
        const done = unknown.length === 0 && outcomes.every(({ outcome }) => outcome === "deleted");
        ended(done ? EXIT.done : EXIT.refused);
      });
    },
  );
}

interface DeleteOptions extends ConnectOptions {
  readonly tenant: string;
}
