import { type BootstrapSummary, escapeControls } from "@ferry/client";
import { Command, InvalidArgumentError } from "commander";
import { triggerBootstrap } from "./bootstrap-trigger.ts";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { parseMs } from "./rpc.ts";
import { formatTable } from "./table.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** `ferry bootstrap` and what is below it. */
export function bootstrapCommand(terminal: Terminal, ended: Ended): Command {
  return new Command("bootstrap")
    .description("show the last bootstrap of a device, or have it bootstrap again")
    .addCommand(showCommand(terminal, ended))
    .addCommand(triggerCommand(terminal, ended));
}

/** `ferry bootstrap show demo` */
function showCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("show")
    .description("show the last bootstrap of a device: its steps, and how it ended")
    .argument("<endpoint>", "endpoint name of the device")
    .option("--tenant <tenant>", "tenant of the device")
    .option("--json", "print one line of JSON");
  return withConnection(command, terminal).action(async (endpoint: string, options: ShowOptions) => {
    await withClient(options, terminal, async (client) => {
      const last = await client.bootstrap(endpoint, options.tenant);
      if (last === undefined) {
        terminal.stderr.write(`ferry: no bootstrap of ${endpoint} is known\n`);
        ended(EXIT.refused);
        return;
      }
      terminal.stdout.write(options.json ? `${JSON.stringify(last)}\n` : formatBootstrap(endpoint, last));
    });
  });
}

interface ShowOptions extends ConnectOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `ferry bootstrap trigger demo --wait` */
function triggerCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("trigger")
    .description("have a registered device bootstrap again: Execute of the Server object's Bootstrap-Request Trigger")
    .argument("<endpoint>", "endpoint name of the device")
    .option("--tenant <tenant>", "tenant of the device", "default")
    .option("--instance <id>", "instance of the Server object (1) that is asked", parseInstance, 0)
    .option("--timeout <ms>", "how long the device's answer may take, ms", parseMs, 10_000)
    .option("--wait", "then follow the bootstrap until it has ended, and print its steps")
    .option("--wait-timeout <ms>", "how long that may take, ms", parseMs, 300_000)
    .addHelpText("after", HELP);
  return withConnection(command, terminal).action(async (endpoint: string, options: TriggerOptions) => {
    const { tenant, instance, timeout: timeoutMs, wait, waitTimeout } = options;
    const waitMs = wait ? waitTimeout : undefined;
    await withClient(options, terminal, async (client) => {
      const outcome = await triggerBootstrap(client, { endpoint, tenant, instance, timeoutMs, waitMs }, terminal);
      ended(outcome === "done" ? EXIT.done : EXIT.refused);
    });
  });
}

interface TriggerOptions extends ConnectOptions {
  readonly tenant: string;
  readonly instance: number;
  readonly timeout: number;
  readonly wait?: boolean;
  readonly waitTimeout: number;
}

const HELP = `
The device needs an account of a bootstrap server; without one it refuses (4.00 or 4.05), which exits with 1.
With --wait the exit code is 0 only when the device has taken all that it was given, 1 when its bootstrap failed
or was refused, 3 when it did not end in time. A device that sleeps is asked when it is heard: raise --timeout.
`;

function parseInstance(text: string): number {
  // 65535 is no instance (OMA LwM2M Core 1.1.1 §7.2).
  if (!/^\d+$/.test(text) || Number(text) > 65_534) {
    throw new InvalidArgumentError("Give the id of an instance, 0 to 65534.");
  }
  return Number(text);
}

/** A bootstrap as lines of a name and a value, and a table of its steps. */
export function formatBootstrap(endpoint: string, last: BootstrapSummary): string {
  const lines: (readonly [string, string])[] = [
    ["endpoint", endpoint],
    ["outcome", formatOutcome(last)],
    ["security", last.securityMode || "nothing was proved"],
    ["servers", last.servers.join(", ") || "none"],
    ["session", last.sessionId || "none"],
    ["node", last.node],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  const facts = lines.map(([name, value]) => `${name.padEnd(width)}  ${escapeControls(value)}\n`).join("");
  const rows = last.steps.map(({ atMs, step, ...said }) => [
    new Date(atMs).toISOString(),
    ...[step.toLowerCase(), said.path, said.code, said.reason].map(escapeControls),
  ]);
  const leftOut = last.stepsLeftOut === undefined ? "" : `${last.stepsLeftOut} steps before these are not kept\n`;
  return `${facts}\n${leftOut}${formatTable(["TIME", "STEP", "PATH", "ANSWER", "REASON"], rows)}`;
}

function formatOutcome({ outcome, startedAtMs, endedAtMs, reason }: BootstrapSummary): string {
  const end = endedAtMs === undefined ? "" : ` after ${endedAtMs - startedAtMs} ms`;
  return `${outcome}${end}${reason === "" ? "" : `: ${reason}`}`;
}
