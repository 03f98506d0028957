import { logLine } from "./communication-log.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/** Says by what a device is served in place of what it registered or its profile asks for: once for all devices of its kind, in the log of the first. */
export function tellFallbacks(device: OwnedDevice, ports: TransportPorts): void {
  for (const { kind, line } of ports.servings.untold(device.serving)) {
    ports.metrics.fallbacks.with({ kind }).inc();
    logLine(device, line, ports);
  }
}
