import { startFleet, temperatureSignal } from "@ferry/simulator";
import { Command, InvalidArgumentError } from "commander";
import { interrupted } from "./connect.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** `ferry simulate -n 1000` */
export function simulateCommand(terminal: Terminal, ended: Ended): Command {
  return new Command("simulate")
    .description("run simulated devices against a server until Ctrl-C")
    .option("-n, --count <count>", "how many", whole(1, 50_000), 1)
    .option("--endpoint <name>", "endpoint name; with several, what their numbers are put behind", "sim-")
    .option("--server <host:port>", "CoAP address of the server", parseServer, { host: "127.0.0.1", port: 5685 })
    .option("--lifetime <s>", "registration lifetime, s", whole(10, 86_400), 300)
    .option("--every <s>", "how often a device's temperature changes, s; 0 is never", whole(0, 86_400), 10)
    .option("--rate <n>", "registrations a second at the start", whole(1, 10_000), 100)
    .option("--lose <share>", "share of datagrams that are lost, 0 to 1", share, 0)
    .option("--duplicate <share>", "share of datagrams that arrive twice, 0 to 1", share, 0)
    .option("--delay <ms>", "most that a datagram is held back, ms", whole(0, 60_000), 0)
    .option("--seed <n>", "seed of what is lost, duplicated and delayed", whole(0, 2 ** 32 - 1), 1)
    .action(async (options: SimulateOptions) => {
      const { lose, duplicate, delay, seed, every } = options;
      const signals = every === 0 ? [] : [temperatureSignal(every * 1000)];
      const impaired = lose > 0 || duplicate > 0 || delay > 0;
      const fleet = await startFleet({
        server: options.server,
        count: options.count,
        endpoint: options.endpoint,
        registrationsPerSecond: options.rate,
        device: () => ({ lifetimeS: options.lifetime, signals }),
        ...(impaired ? { impairment: { lossRate: lose, duplicateRate: duplicate, maxDelayMs: delay, seed } } : {}),
      });
      const report = setInterval(() => terminal.stdout.write(`${progressLine(fleet.progress)}\n`), REPORT_MS);
      const signal = interrupted();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      clearInterval(report);
      await fleet.stop();
      terminal.stdout.write(`${progressLine(fleet.progress)}\n`);
      ended(EXIT.done);
    });
}

const REPORT_MS = 2_000;

interface SimulateOptions {
  readonly count: number;
  readonly endpoint: string;
  readonly server: { readonly host: string; readonly port: number };
  readonly lifetime: number;
  readonly every: number;
  readonly rate: number;
  readonly lose: number;
  readonly duplicate: number;
  readonly delay: number;
  readonly seed: number;
}

function progressLine(progress: Awaited<ReturnType<typeof startFleet>>["progress"]): string {
  const { devices, registered, observations, notified, delivered, undelivered, served, refused, unanswered } = progress;
  return `${registered} of ${devices} registered, ${observations} observations, ${notified} notified (${delivered} acknowledged, ${undelivered} not), ${served} requests served, ${refused} refused, ${unanswered} unanswered`;
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < min || number > max)
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return number;
  };
}

function share(text: string): number {
  const number = Number(text);
  if (!(number >= 0 && number <= 1)) throw new InvalidArgumentError("Give a number from 0 to 1.");
  return number;
}

function parseServer(text: string): { host: string; port: number } {
  const match = /^(?:coap:\/\/)?\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text);
  if (match === null) throw new InvalidArgumentError("Give host:port, such as 127.0.0.1:5685.");
  return { host: match[1] ?? "", port: Number(match[2]) };
}
