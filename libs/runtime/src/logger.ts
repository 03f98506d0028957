import { type DestinationStream, type Logger as PinoLogger, pino } from "pino";
import pretty from "pino-pretty";
import type { LogSettings } from "./settings.ts";

/** Writes facts beside a constant sentence: `logger.info({ endpoint }, "registered")`. `child` adds facts to every line. */
export type Logger = Pick<PinoLogger, "fatal" | "error" | "warn" | "info" | "debug" | "trace" | "isLevelEnabled"> & {
  child(bindings: Readonly<Record<string, unknown>>): Logger;
};

/** The logger of a service: JSON lines on stdout, or lines for people where stdout is a terminal or the settings say so. */
export function createLogger(
  service: string,
  settings: LogSettings,
  { terminal = process.stdout.isTTY ?? false, destination }: LoggerOutput = {},
): Logger {
  const forPeople = settings.format === "pretty" || (settings.format === "auto" && terminal);
  const options = {
    level: settings.level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: pino.stdSerializers.err },
  };
  // Synchronous: a line that waits would be lost, or overtaken, when the process exits.
  if (!forPeople) return pino(options, destination ?? pino.destination({ dest: 1, sync: true }));
  const stream = pretty({
    colorize: terminal,
    translateTime: "SYS:HH:MM:ss.l",
    ignore: "pid,hostname,service",
    singleLine: true,
    errorLikeObjectKeys: ["error"],
    sync: true,
    ...(destination ? { destination: destination as NodeJS.WritableStream } : {}),
  });
  return pino(options, stream);
}

/** Where the lines go; stdout when not given. */
export interface LoggerOutput {
  readonly terminal?: boolean;
  readonly destination?: DestinationStream;
}
