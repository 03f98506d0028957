import { BusUnavailableError } from "@ferry/bus";
import { ApiError, InvalidValueError, NoAnswerError } from "@ferry/client";
import { InvalidDocumentsError, ProvisioningTimeoutError } from "@ferry/provisioning";
import { UsageError } from "@ferry/runtime";
import { Command, CommanderError } from "commander";
import { applyCommand } from "./apply.ts";
import { bootstrapCommand } from "./bootstrap.ts";
import { deleteCommand } from "./delete.ts";
import { desireCommand } from "./desire.ts";
import { devCommand } from "./dev.ts";
import { devicesCommand } from "./devices.ts";
import { diffCommand } from "./diff.ts";
import { getCommand } from "./get.ts";
import { keysCommand } from "./keys.ts";
import { rpcCommand } from "./rpc.ts";
import { simulateCommand } from "./simulate.ts";
import { tailCommand } from "./tail.ts";
import { EXIT, type Terminal } from "./terminal.ts";

/** Runs the command line; resolves to the exit code. */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  let exitCode: number = EXIT.done;
  const ended = (code: number): void => {
    exitCode = code;
  };
  const program = new Command("ferry")
    .description("Works with Ferry, the LwM2M server for Kafka.")
    .version("0.1.0")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
    })
    .showHelpAfterError("(--help shows what there is)");
  for (const command of [
    rpcCommand,
    desireCommand,
    tailCommand,
    devicesCommand,
    bootstrapCommand,
    applyCommand,
    diffCommand,
    getCommand,
    deleteCommand,
    simulateCommand,
    devCommand,
    keysCommand,
  ]) {
    const made = command(terminal, ended).copyInheritedSettings(program);
    for (const below of made.commands) below.copyInheritedSettings(program);
    program.addCommand(made);
  }
  program.addHelpText("after", EPILOGUE);
  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (MISUSED.some((type) => error instanceof type)) return fail(error as Error, EXIT.usage, terminal);
    if (error instanceof ApiError) return fail(error, isRefusal(error) ? EXIT.refused : EXIT.unavailable, terminal);
    if (UNANSWERED.some((type) => error instanceof type)) return fail(error as Error, EXIT.unavailable, terminal);
    throw error;
  }
}

/** What says that a command was used wrongly. */
const MISUSED = [UsageError, InvalidDocumentsError, InvalidValueError];
/** What says that nobody answered. */
const UNANSWERED = [BusUnavailableError, NoAnswerError, ProvisioningTimeoutError];

function isRefusal({ status }: ApiError): boolean {
  return status >= 400 && status < 500;
}

function fail(error: Error, code: number, { stderr }: Terminal): number {
  for (const line of error.message.split("\n")) stderr.write(`ferry: ${line}\n`);
  return code;
}

const EPILOGUE = `
Speaks to the HTTP API of a running standalone or console (--api-url), or with --bootstrap-servers directly to Kafka;
KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_… and KAFKA_SSL_… say how, as for the services.

Exit codes: 0 done; 1 the device, or Ferry, refused; 2 wrong use; 3 nobody answered.`;
