import { formatCode } from "@ferry/coap";
import { CONTENT_FORMATS, type LwM2mVersion } from "@ferry/lwm2m";
import { monotonicMs, UsageError, wallMs } from "@ferry/runtime";
import {
  DEFAULT_AWAKE_MS,
  type DeviceEvent,
  fleetEndpoints,
  type PowerSaving,
  parseServerUri,
  type ServerUri,
  type SimulatedDeviceSettings,
  startFleet,
  temperatureSignal,
} from "@ferry/simulator";
import { Command, InvalidArgumentError, Option } from "commander";
import { interrupted } from "./connect.ts";
import { documentsOf, type SecurityOptions, securityOf, securityOptions } from "./simulate-security.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** `ferry simulate -n 1000` */
export function simulateCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("simulate").description("run simulated devices against a server until Ctrl-C");
  return securityOptions(deviceOptions(command))
    .option("-n, --count <count>", "how many", whole(1, 50_000), 1)
    .option("--endpoint <name>", "endpoint name; with several, what their numbers are put behind", "sim-")
    .option("--server <host:port>", "address of the server (default: 127.0.0.1:5685; with security, 5686)", parseServer)
    .option(
      "--bootstrap <uri>",
      "URI of a bootstrap server, coap:// or with security coaps://: the devices come from the factory, know nobody else, and register with the servers that it gives them; --security and its keys are what they show to it",
      parseBootstrap,
    )
    .option("--hold-off <s>", "with --bootstrap: how long a device waits before it asks, s", whole(0, 86_400), 0)
    .option("--pack", "with --bootstrap and --lwm2m 1.2: asks for a Bootstrap-Pack first", false)
    .option("--rate <n>", "registrations a second at the start; with --bootstrap, bootstraps", whole(1, 10_000), 100)
    .option("--lose <share>", "share of datagrams that are lost, 0 to 1", share, 0)
    .option("--duplicate <share>", "share of datagrams that arrive twice, 0 to 1", share, 0)
    .option("--delay <ms>", "most that a datagram is held back, ms", whole(0, 60_000), 0)
    .option("--seed <n>", "seed of what is lost, duplicated and delayed", whole(0, 2 ** 32 - 1), 1)
    .option("--print-documents", "print what `ferry apply` has to be given for these devices, and do nothing else")
    .option("--profile <name>", "profile in those documents", "quickstart")
    .action(async (options: SimulateOptions) => {
      const { lose, duplicate, delay, seed, count, endpoint } = options;
      if (options.printDocuments) {
        terminal.stdout.write(await documentsOf(options, fleetEndpoints(count, endpoint), options.profile));
        return;
      }
      const security = await securityOf(options);
      if (options.bootstrap !== undefined) await expectAccountOf(security);
      const server = serverOf(options);
      const impaired = lose > 0 || duplicate > 0 || delay > 0;
      const fleet = await startFleet({
        server,
        ...(options.bootstrap === undefined ? {} : { bootstrap: { holdOffS: options.holdOff, pack: options.pack } }),
        count,
        endpoint,
        ...(security === undefined ? {} : { security }),
        registrationsPerSecond: options.rate,
        device: () => deviceOf(options),
        onEvent: tellFailures(terminal),
        ...(impaired ? { impairment: { lossRate: lose, duplicateRate: duplicate, maxDelayMs: delay, seed } } : {}),
      });
      const tellProgress = (): void => {
        const { bootstraps } = fleet.progress;
        const bootstrapped = options.bootstrap === undefined ? "" : `${bootstraps} bootstraps done, `;
        terminal.stdout.write(`${bootstrapped}${progressLine(fleet.progress)}\n`);
      };
      const report = setInterval(tellProgress, REPORT_MS);
      const signal = interrupted();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      clearInterval(report);
      await fleet.stop();
      tellProgress();
      ended(EXIT.done);
    });
}

/** Who the devices speak to first. @throws {UsageError} two that cannot both be, or security that does not fit the URI */
export function serverOf({ server, bootstrap, security }: Pick<SimulateOptions, "server" | "bootstrap" | "security">): {
  readonly host: string;
  readonly port: number;
} {
  const isSecured = security !== "nosec";
  if (bootstrap === undefined) return server ?? { host: "127.0.0.1", port: isSecured ? 5686 : 5685 };
  if (server !== undefined) {
    throw new UsageError("give one of --server and --bootstrap: devices that bootstrap are told their server");
  }
  if (bootstrap.secure && !isSecured) throw new UsageError("--bootstrap coaps:// needs --security psk, rpk or x509");
  if (!bootstrap.secure && isSecured) throw new UsageError(`--security ${security} needs --bootstrap coaps://`);
  return bootstrap;
}

/** An account with a raw public key names the server's own (0/x/4): a certificate, which may be a CA's, does not do. @throws {UsageError} */
export async function expectAccountOf(security: Awaited<ReturnType<typeof securityOf>>): Promise<void> {
  const credential = (await security?.(""))?.credential;
  if (credential?.type === "rawPublicKey" && credential.server.type !== "publicKey") {
    throw new UsageError("--bootstrap with --security rpk needs the server's public key in --trust, not a certificate");
  }
}

const REPORT_MS = 2_000;
const TEMPERATURE = [3303, 0, 5700];
/** Names of content formats that a device can have, as they are typed. */
const FORMAT_NAMES = CONTENT_FORMATS.filter(({ name, isEncoded }) => isEncoded && name !== "LINK").map(({ name }) =>
  name.toLowerCase(),
);

/** Adds the options that are about a device. */
export function deviceOptions(command: Command): Command {
  return command
    .option("--lifetime <s>", "registration lifetime, s", whole(10, 86_400), 300)
    .option("--every <s>", "how often a device's temperature changes, s; 0 is never", whole(0, 86_400), 10)
    .option(
      "--send <s>",
      "how often a device reports its temperature by LwM2M Send, s; 0 is never",
      whole(0, 86_400),
      0,
    )
    .option("--samples <n>", "temperatures in one Send, each with its time", whole(1, 1_000), 1)
    .addOption(new Option("--lwm2m <version>", "LwM2M version").choices(["1.0", "1.1", "1.2"]).default("1.1"))
    .option(
      "--formats <list>",
      `content formats, by preference: ${FORMAT_NAMES.join(",")} (default: those of the version)`,
      formats,
    )
    .option("--queue", "register with queue mode, and sleep as --power psm does unless that says otherwise", false)
    .addOption(
      new Option(
        "--power <mode>",
        "psm: sleeps until it sends something; edrx: listens once in each --cycle too; what comes while it sleeps is lost",
      ).choices(["psm", "edrx"]),
    )
    .option(
      "--awake <s>",
      "how long a device that saves power listens after it last sent something, s",
      whole(1, 86_400),
      DEFAULT_AWAKE_MS / 1000,
    )
    .option("--cycle <s>", "eDRX cycle, s", whole(1, 86_400), 82)
    .option("--window <s>", "how long it listens in each eDRX cycle, s", whole(1, 86_400), 10);
}

/** What the options make of a device. */
export function deviceOf(options: DeviceOptions): Omit<Partial<SimulatedDeviceSettings>, "endpoint" | "server"> {
  const { every, send, samples, lwm2m, formats: contentFormats, queue } = options;
  const power = powerOf(options);
  return {
    lifetimeS: options.lifetime,
    lwm2mVersion: lwm2m,
    queueMode: queue,
    signals: every === 0 ? [] : [temperatureSignal(every * 1000, TEMPERATURE)],
    reports:
      send === 0 ? [] : [{ paths: [TEMPERATURE], intervalMs: send * 1000, samples, epochMs: wallMs() - monotonicMs() }],
    ...(power === undefined ? {} : { power }),
    ...(contentFormats === undefined ? {} : { contentFormats }),
  };
}

function powerOf({ power, queue, awake, cycle, window }: DeviceOptions): PowerSaving | undefined {
  const awakeMs = awake * 1000;
  if (power === "edrx") return { awakeMs, paging: { cycleMs: cycle * 1000, windowMs: window * 1000 } };
  return power === "psm" || queue ? { awakeMs } : undefined;
}

/** The options that are about a device. */
export interface DeviceOptions {
  readonly lifetime: number;
  readonly every: number;
  readonly send: number;
  readonly samples: number;
  readonly lwm2m: LwM2mVersion;
  readonly formats?: readonly number[];
  readonly queue: boolean;
  readonly power?: "psm" | "edrx";
  readonly awake: number;
  readonly cycle: number;
  readonly window: number;
}

interface SimulateOptions extends DeviceOptions, SecurityOptions {
  readonly count: number;
  readonly endpoint: string;
  readonly printDocuments?: boolean;
  readonly profile: string;
  readonly server?: { readonly host: string; readonly port: number };
  readonly bootstrap?: ServerUri;
  readonly holdOff: number;
  readonly pack: boolean;
  readonly rate: number;
  readonly lose: number;
  readonly duplicate: number;
  readonly delay: number;
  readonly seed: number;
}

/** Says why handshakes and bootstraps fail: the first time for each reason. */
function tellFailures(terminal: Terminal): (endpoint: string, event: DeviceEvent) => void {
  const told = new Set<string>();
  return (endpoint, event) => {
    const failure = failureOf(endpoint, event);
    if (failure === undefined || told.has(failure.reason)) return;
    told.add(failure.reason);
    terminal.stderr.write(`ferry: ${failure.text}\n`);
  };
}

/** What people are to know of, and what of it is the same for many devices. */
export function failureOf(
  endpoint: string,
  event: DeviceEvent,
): { readonly reason: string; readonly text: string } | undefined {
  switch (event.type) {
    case "associationFailed":
      return { reason: event.reason, text: `handshake of ${endpoint} failed: ${event.detail}` };
    case "unresolved":
      return { reason: event.host, text: `${endpoint} finds no address of ${event.host}` };
    case "bootstrapAbandoned":
      return { reason: event.type, text: `the bootstrap server did not finish with ${endpoint}` };
    case "refused":
      if (event.uplink !== "bootstrap") return undefined;
      return {
        reason: `bootstrap ${event.code}`,
        text: `the bootstrap server refused ${endpoint}: ${formatCode(event.code)} ${printable(event.diagnostic)}`.trim(),
      };
    default:
      return undefined;
  }
}

/** What a server says is not trusted with the terminal. */
function printable(text = ""): string {
  return text.replace(/\p{C}/gu, "�");
}

function progressLine(progress: Awaited<ReturnType<typeof startFleet>>["progress"]): string {
  const { devices, registered, observations, notified, delivered, undelivered, served, refused, unanswered } = progress;
  const { handshakes, resumptions, handshakeFailures } = progress;
  const security =
    handshakes + handshakeFailures === 0
      ? ""
      : `, ${handshakes} handshakes (${resumptions} more resumed, ${handshakeFailures} failed)`;
  return `${registered} of ${devices} registered, ${observations} observations, ${notified} notified (${delivered} acknowledged, ${undelivered} not), ${served} requests served, ${refused} refused, ${unanswered} unanswered${security}`;
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (!Number.isInteger(number) || number < min || number > max)
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    return number;
  };
}

function formats(text: string): readonly number[] {
  return text.split(",").map((name) => {
    const found = CONTENT_FORMATS.find((format) => FORMAT_NAMES.includes(name) && format.name.toLowerCase() === name);
    if (found === undefined) throw new InvalidArgumentError(`${name} is none of ${FORMAT_NAMES.join(", ")}.`);
    return found.id;
  });
}

function share(text: string): number {
  const number = Number(text);
  if (!(number >= 0 && number <= 1)) throw new InvalidArgumentError("Give a number from 0 to 1.");
  return number;
}

function parseBootstrap(text: string): ServerUri {
  const uri = parseServerUri(text);
  if (uri === undefined)
    throw new InvalidArgumentError("Give a coap:// or coaps:// URI, such as coap://127.0.0.1:5687.");
  return uri;
}

function parseServer(text: string): { host: string; port: number } {
  const match = /^(?:coaps?:\/\/)?\[?([^\]]+?)\]?:(\d{1,5})$/.exec(text);
  if (match === null) throw new InvalidArgumentError("Give host:port, such as 127.0.0.1:5685.");
  return { host: match[1] ?? "", port: Number(match[2]) };
}
