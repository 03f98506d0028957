import type { DeviceDetails } from "@ferry/client";
import { Command } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { formatTable } from "./table.ts";
import { type Ended, EXIT, type Terminal } from "./terminal.ts";

/** `ferry devices` and what is below it. */
export function devicesCommand(terminal: Terminal, ended: Ended): Command {
  return new Command("devices")
    .description("list the registered devices, or show one")
    .addCommand(listCommand(terminal), { isDefault: true })
    .addCommand(showCommand(terminal, ended));
}

/** `ferry devices`, `ferry devices list` */
function listCommand(terminal: Terminal): Command {
  const command = new Command("list")
    .description("list the registered devices")
    .option("--tenant <tenant>", "only those of this tenant")
    .option("--json", "print a line of JSON for each");
  return withConnection(command, terminal).action(async (options: DevicesOptions) => {
    await withClient(options, terminal, async (client) => {
      const devices = await client.devices(options.tenant);
      if (options.json) {
        for (const device of devices) terminal.stdout.write(`${JSON.stringify(device)}\n`);
        return;
      }
      const rows = devices.map((device) => [
        device.endpoint,
        device.tenant,
        device.profile,
        device.lwm2mVersion,
        `${device.lifetimeS} s`,
        device.securityMode,
        device.peer,
        new Date(device.registeredAtMs).toISOString(),
      ]);
      terminal.stdout.write(
        formatTable(["ENDPOINT", "TENANT", "PROFILE", "LWM2M", "LIFETIME", "SECURITY", "ADDRESS", "REGISTERED"], rows),
      );
      terminal.stderr.write(`${devices.length} registered\n`);
    });
  });
}

interface DevicesOptions extends ConnectOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}

/** `ferry devices show` */
function showCommand(terminal: Terminal, ended: Ended): Command {
  const command = new Command("show")
    .description("show one device: its registration, its observations and its DTLS association")
    .argument("<endpoint>", "endpoint name of the device")
    .option("--tenant <tenant>", "tenant of the device")
    .option("--json", "print one line of JSON");
  return withConnection(command, terminal).action(async (endpoint: string, options: DevicesOptions) => {
    await withClient(options, terminal, async (client) => {
      const device = await client.device(endpoint, options.tenant);
      if (device === undefined) {
        terminal.stderr.write(`ferry: ${endpoint} is not registered\n`);
        ended(EXIT.refused);
        return;
      }
      terminal.stdout.write(options.json ? `${JSON.stringify(device)}\n` : formatDevice(device, Date.now()));
    });
  });
}

/** A device as lines of a name and a value. */
export function formatDevice(device: DeviceDetails, nowMs: number): string {
  const { association, lifetimeS, registeredAtMs, toldAtMs } = device;
  const lines: (readonly [string, string])[] = [
    ["endpoint", device.endpoint],
    ["tenant", device.tenant],
    ["profile", device.profile],
    ["LwM2M", `${device.lwm2mVersion}, binding ${device.bindingMode}${device.queueMode ? ", queue mode" : ""}`],
    ["registered", `${time(registeredAtMs)}, lifetime ${lifetimeS} s, id ${device.registrationId}`],
    ["security", device.securityMode],
    ["address", device.peer],
    ...(association === undefined ? [] : dtlsLines(association, nowMs)),
    ["node", `${device.node}, as of ${time(toldAtMs)}`],
    ["observed", device.observations.map((paths) => paths.join(" + ")).join(", ") || "nothing"],
    ["objects", device.objectLinks],
  ];
  const width = Math.max(...lines.map(([name]) => name.length));
  return lines.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

function dtlsLines(
  { suite, hasCid, createdAtMs }: NonNullable<DeviceDetails["association"]>,
  nowMs: number,
): (readonly [string, string])[] {
  return [
    ["cipher suite", suite],
    ["Connection ID", hasCid ? "yes: its address may change" : "no"],
    ["handshake", `${time(createdAtMs)}, ${age(nowMs - createdAtMs)} ago`],
  ];
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}

/** The two largest units: `3 d 4 h`, `12 min 5 s`. */
function age(ms: number): string {
  const parts = UNITS.map(([unit, lengthS, of]) => [Math.floor(ms / 1000 / lengthS) % of, unit] as const);
  const first = parts.findIndex(([count]) => count > 0);
  return parts
    .slice(first === -1 ? -1 : first)
    .slice(0, 2)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(" ");
}

/** Units of an age: name, length in s, and how many make the next one. */
const UNITS: readonly (readonly [string, number, number])[] = [
  ["d", 86_400, Number.POSITIVE_INFINITY],
  ["h", 3_600, 24],
  ["min", 60, 60],
  ["s", 1, 60],
];
