import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import type { CatalogueChange } from "@ferry/provisioning";
import { isUnsettled, serveAnew } from "./downlink/reconcile.ts";
import type { OwnedDevice } from "./owned-device.ts";
import type { TransportPorts } from "./ports.ts";

/** Devices that are looked at before the event loop gets its turn. */
const BATCH = 100;
/** How long changes gather between one look at all devices and the next, ms: the registry in one apply is hundreds of records. */
const GATHER_MS = 200;

/** What changed since the devices were last looked at: as bounded as the provisioning is. */
export interface Changed {
  /** `tenant/name` of profiles. */
  readonly profiles: Set<string>;
  /** Ids of objects of which a model changed. */
  readonly objects: Set<number>;
}

/**
 * A profile or model changed: the devices that it serves follow without registering anew. Returns how to stop that.
 *
 * Key names hold from the next value on. What the devices are to be asked follows paced: Write-Attributes, observations, and reads of what is newly published.
 */
export function followChanges(ports: TransportPorts): () => void {
  const { catalogue, servings, clock } = ports;
  const gatherer = new ChangeGatherer(
    (changed) => followAll(changed, ports),
    () => delay(GATHER_MS, undefined, { ref: false }),
  );
  return catalogue.onChange((change) => {
    const { kind, tenant, id, replaced } = change;
    if (kind !== "profile" && kind !== "model") return;
    if (replaced !== undefined) servings.noteReplaced(tenant, id, replaced, clock.wallMs());
    servings.clear();
    void gatherer.note(change);
  });
}

/** Gathers changes, so that all devices are looked at once for many of them. */
export class ChangeGatherer {
  readonly #follow: (changed: Changed) => Promise<void>;
  readonly #pause: () => Promise<void>;
  #changed: Changed = { profiles: new Set(), objects: new Set() };
  #isFollowing = false;

  /** `pause` is waited for between one `follow` and the next; neither rejects. */
  constructor(follow: (changed: Changed) => Promise<void>, pause: () => Promise<void>) {
    this.#follow = follow;
    this.#pause = pause;
  }

  async note({ kind, tenant, id }: Pick<CatalogueChange, "kind" | "tenant" | "id">): Promise<void> {
    if (kind === "profile") this.#changed.profiles.add(profileName(tenant, id));
    else this.#changed.objects.add(Number.parseInt(id, 10));
    if (this.#isFollowing) return;
    this.#isFollowing = true;
    await turn(); // What Kafka gave us together is noted first.
    while (this.#changed.profiles.size > 0 || this.#changed.objects.size > 0) {
      const changed = this.#changed;
      this.#changed = { profiles: new Set(), objects: new Set() };
      await this.#follow(changed);
      await this.#pause();
    }
    this.#isFollowing = false;
  }
}

async function followAll(changed: Changed, ports: TransportPorts): Promise<void> {
  let looked = 0;
  for (const device of [...ports.ownership.devices()]) {
    if (isConcerned(device, changed) && ports.ownership.has(device)) {
      serveAnew(device, ports);
      if (isUnsettled(device, ports.clock.monotonicMs())) ports.pacer.soon(device);
    }
    if (++looked % BATCH === 0) await turn();
  }
}

/** A model concerns who registered its object, in whatever version: it may be the closest that there is. */
function isConcerned({ registration, serving }: OwnedDevice, { profiles, objects }: Changed): boolean {
  if (profiles.has(profileName(registration.tenant, registration.profile))) return true;
  return objects.size > 0 && [...serving.supported.objects.keys()].some((id) => objects.has(id));
}

function profileName(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}
