import { Command } from "commander";
import { type ConnectOptions, withClient, withConnection } from "./connect.ts";
import { formatTable } from "./table.ts";
import type { Ended, Terminal } from "./terminal.ts";

/** `ferry devices` */
export function devicesCommand(terminal: Terminal, _ended: Ended): Command {
  const command = new Command("devices")
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
        device.peer,
        new Date(device.registeredAtMs).toISOString(),
      ]);
      terminal.stdout.write(
        formatTable(["ENDPOINT", "TENANT", "PROFILE", "LWM2M", "LIFETIME", "ADDRESS", "REGISTERED"], rows),
      );
      terminal.stderr.write(`${devices.length} registered\n`);
    });
  });
}

interface DevicesOptions extends ConnectOptions {
  readonly tenant?: string;
  readonly json?: boolean;
}
