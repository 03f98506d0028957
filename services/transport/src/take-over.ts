import { type ClaimProof, type DeviceRef, type DeviceState, type Owner, StateUnavailableError } from "@ferry/state";
import { resume } from "./downlink/reconcile.ts";
import { publishState } from "./lifecycle.ts";
import { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";
import { serveWaiting } from "./sleepers.ts";
import { linkTo, provenDevice, type Source, senderOf } from "./source.ts";
import { tokenKey } from "./token-key.ts";

/** Makes this node serve a device that Redis says is its own, from the state that Redis gave. An answer that came late changes nothing: what is known of a newer epoch stays. */
export function adopt(state: DeviceState, { peer, address }: Source, ports: TransportPorts): OwnedDevice {
  const at = { peer, address, link: linkTo(peer, ports.dtls) };
  const device = new OwnedDevice(state, ports.servings.of(state.registration), at, ports.clock.monotonicMs());
  const current = ports.ownership.adopt(device);
  if (current === device) {
    ports.coap.setMessageId(peer, state.firstMessageId);
    ports.sleepers.watch(device);
  }
  return current;
}

/** Tells the node that served the device before, if it is another one, to forget it. It may be gone: nobody waits. */
export function forgetElsewhere(
  device: DeviceRef & Partial<Pick<DeviceState, "owner" | "registration">>,
  previous: Owner,
  ports: TransportPorts,
): void {
  // A node that gave the device up has forgotten it already.
  if (previous.slot === ports.node.slot || previous.bootId === "") return;
  const { tenant, endpoint } = device;
  const deadlineMs = ports.clock.wallMs() + 60_000;
  const ownerEpoch = device.owner?.epoch ?? previous.epoch + 1;
  void ports.records
    .command(previous.slot, {
      bootId: previous.bootId,
      deadlineMs,
      ownerEpoch,
      ownerMoved: { tenant, endpoint, ownerEpoch, registrationId: device.registration?.registrationId ?? "" },
    })
    .catch(ports.unpublished);
}

/** What a claim came to: a device, `unknown` when the store is sure that there is none, `unavailable` when it cannot be asked. */
export type Claimed = OwnedDevice | "unknown" | "unavailable";

/** Takes devices over when their datagrams arrive here. Datagrams of one device that come meanwhile share one claim. */
export class TakeOver {
  readonly #ports: TransportPorts;
  readonly #claims = new Map<string, Promise<Claimed>>();

  constructor(ports: TransportPorts) {
    this.#ports = ports;
  }

  /** Claims the device that a datagram shows; with DTLS that is its sender, whatever it shows. */
  claim(shown: ClaimProof, source: Source): Promise<Claimed> {
    const name = nameOf(shown, source);
    const running = this.#claims.get(name);
    if (running !== undefined) return running;
    const claim = this.#claim(shown, source).finally(() => this.#claims.delete(name));
    this.#claims.set(name, claim);
    return claim;
  }

  /** Confirms with Redis, off the ACK path, that the device is still ours, and stores where it is now. */
  revalidate(device: OwnedDevice): void {
    if (device.revalidating) return;
    device.revalidating = true;
    const { registrationId } = device.registration;
    const source = { peer: device.peer, address: device.address, sender: senderOf(device.registration) };
    void this.claim({ type: "registrationId", registrationId }, source).then((claimed) => {
      device.revalidating = false;
      if (claimed === "unknown") this.#ports.ownership.drop(device);
    });
  }

  async #claim(shown: ClaimProof, source: Source): Promise<Claimed> {
    const ports = this.#ports;
    if (!ports.settings.claim) return "unavailable";
    try {
      const { sender, address: peer } = source;
      const outcome = await ports.devices.claim({
        proof: provenDevice(sender) === undefined ? shown : { type: "identity" },
        sender,
        peer,
        node: ports.node,
        nowMs: ports.clock.wallMs(),
      });
      ports.stateEpisode.healed();
      ports.metrics.claims.with({ outcome: outcome.type }).inc();
      if (outcome.type === "notFound") return (await ports.storeWatch.inDoubt()) ? "unavailable" : "unknown";
      const { state } = outcome;
      const known = ports.ownership.byDevice(state.registration.tenant, state.registration.endpoint);
      if (known !== undefined && known.owner.epoch === state.owner.epoch) {
        known.revalidated(state, ports.clock.monotonicMs());
        serveWaiting(known, ports);
        return known;
      }
      const device = adopt(state, source, ports);
      if (outcome.type === "claimed") {
        forgetElsewhere(device, outcome.previousOwner, ports);
        ports.sleepers.arrived(device);
        if (provenDevice(sender) !== undefined) publishState(device, ports);
      }
      serveWaiting(device, ports);
      // Who still has its association, or an observation, did not start anew.
      resume(device, shown.type !== "registrationId", ports);
      return device;
    } catch (error) {
      if (!(error instanceof StateUnavailableError)) throw error;
      ports.stateEpisode.failed(error);
      return "unavailable";
    }
  }
}

/** Claims of one name are one: of a device that has proved who it is, all are. */
function nameOf(shown: ClaimProof, { sender }: Source): string {
  const proven = provenDevice(sender);
  if (proven !== undefined) return `${proven.tenant}/${proven.endpoint}`;
  switch (shown.type) {
    case "registrationId":
      return shown.registrationId;
    case "token":
      return `t${tokenKey(shown.token)}`;
    case "identity":
      return ""; // The store knows nobody who has not proved anything.
  }
}
