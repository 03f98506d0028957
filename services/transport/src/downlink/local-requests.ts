import { parsePath } from "@ferry/lwm2m";
import {
  findObservation,
  formatDiscoverAll,
  formatLocalValue,
  formatObserveReadAll,
  formatRefusal,
  type LocalAsk,
  type ObservedPaths,
  REFUSALS,
} from "@ferry/rpc";
import { logLine } from "../communication-log.ts";
import type { HeldObservation, OwnedDevice } from "../owned-device.ts";
import type { TransportPorts } from "../ports.ts";
import type { Answer } from "./answer.ts";
import { withdraw } from "./reconcile.ts";

/** Answers what needs no datagram: also of a device that sleeps. */
export async function answerLocally(device: OwnedDevice, ask: LocalAsk, ports: TransportPorts): Promise<Answer> {
  const { compat } = ports.settings;
  switch (ask.type) {
    case "discoverAll":
      return formatDiscoverAll(device.registration.objectLinks, compat);
    case "observeReadAll":
      return formatObserveReadAll(observed(device), compat);
    case "observeCancelAll": {
      const all = observed(device);
      for (const { held } of all) await withdraw(device, held, ports);
      return formatLocalValue(String(all.length));
    }
    case "observeCancel":
      return cancel(device, { paths: [ask.path], composite: false }, [ask.id], ports);
    case "observeCompositeCancel":
      return cancel(device, { paths: ask.paths, composite: true }, ask.ids, ports);
  }
}

/** Cancelling is passive: the next notification is answered with RST (RFC 7641 §3.6). */
async function cancel(
  device: OwnedDevice,
  wanted: ObservedPaths,
  ids: readonly string[],
  ports: TransportPorts,
): Promise<Answer> {
  const found = findObservation(observed(device), wanted);
  if (found === undefined) {
    const [id = ""] = ids;
    return formatRefusal(
      wanted.composite ? REFUSALS.noActiveCompositeObservation(ids) : REFUSALS.noActiveObservation(id),
    );
  }
  await withdraw(device, found.held, ports);
  logLine(device, `[info]: Cancel Observe for [${ids.join(", ")}] successful. Result: [1]`, ports);
  return formatLocalValue("1");
}

function observed(device: OwnedDevice): readonly (ObservedPaths & { readonly held: HeldObservation })[] {
  return Array.from(device.observations.values(), (held) => {
    const { paths } = held.observation;
    return { held, paths: paths.map(parsePath), composite: paths.length > 1 };
  });
}
