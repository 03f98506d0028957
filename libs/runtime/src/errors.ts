/** What whoever started the process can put right: it is shown as plain lines, without a stack, and the exit code is 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
  readonly code: string = "USAGE";
}

/** The configuration is wrong. The message has one line per problem: the key, what is wrong with its value, and the fix. */
export class ConfigError extends UsageError {
  override readonly name = "ConfigError";
  override readonly code = "CONFIG_INVALID";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** A port that we must listen on belongs to another process, or may not be bound. */
export class PortInUseError extends UsageError {
  override readonly name = "PortInUseError";
  override readonly code = "PORT_IN_USE";
  readonly port: number;

  constructor(transport: "udp" | "tcp", host: string, port: number, cause: Error) {
    super(`${transport} port ${port} on ${host} is in use: stop the process that has it, or choose another port`, {
      cause,
    });
    this.port = port;
  }
}
