import type { RpcAnswer, RpcCall } from "@ferry/client";
import { METHODS, parseTerminalLine } from "@ferry/rpc";
import { UsageError } from "@ferry/runtime";
import { Command, InvalidArgumentError } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { hintFor } from "./rpc-hint.ts";
import { callWithProgress } from "./rpc-progress.ts";
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
    .option("--one-way", "do not wait for what became of the request, only until it has been sent")
    .option("--persistent", "wait also for a device that is not registered")
    .option("--retries <n>", "how often a request that timed out is tried again when the device is heard", parseRetries)
    .option("--progress", "say on stderr how far the device's requests are, as while it sleeps")
    .option("--full", "print the whole answer: status, typed values and where it comes from")
    .addHelpText("after", HELP);
  return withConnection(command, terminal).action(async (endpoint: string, line: string, options: RpcOptions) => {
    const { method, params } = parseTerminalLine(line);
    if (method === "") throw new UsageError(`the request is empty: give a method, such as 'Read {"id":"/3/0/9"}'`);
    await withClient(options, terminal, async (client) => {
      const { tenant, timeout: timeoutMs } = options;
      const call: RpcCall = {
        endpoint,
        tenant,
        method,
        ...(params === "" ? {} : { params }),
        timeoutMs,
        ...given(options),
      };
      const answer = await (options.progress ? callWithProgress(client, call, terminal) : client.rpc(call));
      terminal.stdout.write(`${JSON.stringify(options.full ? answer : brief(answer))}\n`);
      if (answer.status === "SUCCESSFUL") return ended(EXIT.done);
      const hint = hintFor(method, answer);
      if (hint !== undefined) terminal.stderr.write(`ferry: ${hint}\n`);
      ended(EXIT.refused);
    });
  });
}

interface RpcOptions extends ConnectOptions, Treatment {
  readonly timeout: number;
  readonly tenant: string;
  readonly full?: boolean;
  readonly progress?: boolean;
}

/** How the request is to be treated. */
type Treatment = Pick<RpcCall, "failFast" | "oneWay" | "persistent" | "retries">;

/** The treatment that was asked for. */
function given({ failFast, oneWay, persistent, retries }: Treatment): Treatment {
  return {
    ...(failFast === undefined ? {} : { failFast }),
    ...(oneWay === undefined ? {} : { oneWay }),
    ...(persistent === undefined ? {} : { persistent }),
    ...(retries === undefined ? {} : { retries }),
  };
}

const HELP = `
Requests:
${METHODS.map(({ name, example }) => `  ${name} ${example}`.trimEnd()).join("\n")}

"id" is a path, "/3/0/9", or one with the object's version, "/3_1.1/0/9"; "key" is a name of the device's profile.
Composite methods take "ids" or "keys"; "nodes" has paths or keys. "contentFormat" says how values are sent:
TLV, JSON, TEXT, OPAQUE, CBOR, SENML_JSON, SENML_CBOR, LWM2M_CBOR. docs/rpc.md shows each with its answer.

Exit codes: 0 the status is SUCCESSFUL, 1 it is another, 2 wrong use, 3 nobody answered.
`;

/** The result as ThingsBoard prints it; the status where there is no result. */
function brief({ status, result, value, error }: RpcAnswer): object {
  return result ? { result, value, error } : { status, error };
}

/** @throws {InvalidArgumentError} it is no time that a command may wait */
export function parseMs(text: string): number {
  const ms = Number(text);
  if (!Number.isInteger(ms) || ms < 1 || ms > 3_600_000)
    throw new InvalidArgumentError("Give whole milliseconds from 1 to 3600000.");
  return ms;
}

function parseRetries(text: string): number {
  const retries = Number(text);
  if (!/^\d+$/.test(text) || retries > MAX_RETRIES) {
    throw new InvalidArgumentError(`Give a whole number from 0 to ${MAX_RETRIES}.`);
  }
  return retries;
}

/** More are taken for so many. */
const MAX_RETRIES = 5;
