import { formatRecord, STREAMS, type Stream } from "@ferry/client";
import { Argument, Command, Option } from "commander";
import { type ConnectOptions, interrupted, withClient, withConnection } from "./connect.ts";
import type { Ended, Terminal } from "./terminal.ts";

/** `ferry tail telemetry` */
export function tailCommand(terminal: Terminal, _ended: Ended): Command {
  const command = new Command("tail")
    .description("follow the records of a topic until Ctrl-C")
    .addArgument(new Argument("<stream>", "which records").choices(STREAMS))
    .option("--endpoint <endpoint>", "only those of this device")
    .option("--tenant <tenant>", "only those of this tenant")
    .addOption(new Option("--from <where>", "where to begin").choices(["earliest", "latest"]).default("latest"))
    .option("--json", "print each record as a line of JSON");
  return withConnection(command, terminal).action(async (stream: Stream, options: TailCommandOptions) => {
    await withClient(options, terminal, (client) =>
      client.tail(stream, {
        from: options.from,
        ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
        ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
        signal: interrupted(),
        onRecord: (record) =>
          void terminal.stdout.write(`${options.json ? JSON.stringify(record) : formatRecord(record)}\n`),
        onReady: () => void terminal.stderr.write(`following ${stream}; Ctrl-C ends it\n`),
      }),
    );
  });
}

interface TailCommandOptions extends ConnectOptions {
  readonly endpoint?: string;
  readonly tenant?: string;
  readonly from: "earliest" | "latest";
  readonly json?: boolean;
}
