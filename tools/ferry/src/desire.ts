import { UsageError } from "@ferry/runtime";
import { Command } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import type { Ended, Terminal } from "./terminal.ts";

/** `ferry desire demo utcOffset +02` */
export function desireCommand(terminal: Terminal, _ended: Ended): Command {
  const command = new Command("desire")
    .description("say what a resource is to be: it is written when the device can be reached, until it takes it")
    .argument("<endpoint>", "LwM2M Endpoint Client Name")
    .argument("<key>", "key name that the device's profile gives the resource")
    .argument(
      "[value]",
      "text, also as a JSON string, a number, true or false; for a multiple-instance resource '{\"<instance>\": value}'",
    )
    .option("--withdraw", "no longer desire anything of it")
    .option("--tenant <tenant>", "tenant of the device", "default")
    .addHelpText("after", HELP);
  return withConnection(command, terminal).action(
    async (endpoint: string, key: string, value: string | undefined, options: DesireOptions) => {
      const { tenant, withdraw = false } = options;
      if (withdraw === (value !== undefined)) throw new UsageError("give either a value or --withdraw");
      await withClient(options, terminal, (client) =>
        client.desire({ endpoint, tenant, key, value: value === undefined ? null : parseValue(value) }),
      );
      terminal.stdout.write(`${withdraw ? "withdrawn" : "desired"} ${key} of ${endpoint}\n`);
    },
  );
}

interface DesireOptions extends ConnectOptions {
  readonly tenant: string;
  readonly withdraw?: boolean;
}

/** Text goes as it is: what it means is for the resource's type to say, so that "007" stays a serial number and 64 bits stay exact. What looks like JSON is JSON. */
function parseValue(text: string): string | { readonly [instance: string]: unknown } {
  if (!/^[{"]/.test(text)) return text;
  try {
    return JSON.parse(text) as string | { readonly [instance: string]: unknown };
  } catch (error) {
    const { message } = error as Error;
    throw new UsageError(`the value begins with ${text[0]} and is no JSON: ${message}`, { cause: error });
  }
}

const HELP = `
The newest value of a key counts. That the device took it is told as the resource's new value (ferry tail attributes),
a refusal as write_failed (ferry tail lifecycle); a value that is none for the topic is a dead letter (ferry tail deadLetter).
Text stands for every type, as docs/rpc.md has it; inside {…} 64-bit numbers need quotes, to stay exact.
Text that itself begins with { or " is given as a JSON string, as in: ferry desire demo note '"{text}"'
A value that begins with a minus sign goes after --, as in: ferry desire demo offset -- -5
`;
