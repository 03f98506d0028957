import type { RpcAnswer } from "@ferry/client";
import { parseTerminalLine } from "@ferry/rpc";
import { UsageError } from "@ferry/runtime";
import { Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** `ferry rpc demo 'Read {"id":"/3/0/9"}'` */
export function rpcCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("rpc")
    .description("carry out an operation on a device and print its answer")
    .argument("<endpoint>", "LwM2M Endpoint Client Name")
    .argument("<request>", `method and parameters, such as 'Read {"id":"/3/0/9"}'`)
    .option("--timeout <ms>", "how long the answer may take, ms", parseMs, 10_000)
    .option("--tenant <tenant>", "tenant of the device", "default")
    .option("--fail-fast", "answer UNREACHABLE at once instead of waiting for the device")
    .option("--full", "print the whole answer: status, typed values and where it comes from");
  return withConnection(command, terminal).action(async (endpoint: string, line: string, options: RpcOptions) => {
    const { method, params } = parseTerminalLine(line);
    if (method === "") throw new UsageError(`the request is empty: give a method, such as 'Read {"id":"/3/0/9"}'`);
    await withClient(options, terminal, async (client) => {
      const answer = await client.rpc({
        endpoint,
        tenant: options.tenant,
        method,
        ...(params === "" ? {} : { params }),
        timeoutMs: options.timeout,
        ...(options.failFast === undefined ? {} : { failFast: options.failFast }),
      });
      terminal.stdout.write(`${JSON.stringify(options.full ? answer : brief(answer))}\n`);
      ended(answer.status === "SUCCESSFUL" ? EXIT.done : EXIT.refused);
    });
  });
}

interface RpcOptions extends ConnectOptions {
  readonly timeout: number;
  readonly tenant: string;
  readonly failFast?: boolean;
  readonly full?: boolean;
}

/** The result as ThingsBoard prints it; the status where there is no result. */
function brief({ status, result, value, error }: RpcAnswer): object {
  return result ? { result, value, error } : { status, error };
}

function parseMs(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 1 || ms > 3_600_000)
    throw new InvalidArgumentError("Give whole milliseconds from 1 to 3600000.");
  return ms;
}
