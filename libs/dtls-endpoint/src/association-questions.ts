import {
  type Answer,
  type AssociationId,
  type AssociationState,
  computeInPool,
  type Principal,
  type Question,
  type WriteGrant,
} from "@ferry/dtls";
import type { AssociationStore, DeviceRef, NodeRef, StoredAssociation, StoredSession } from "@ferry/state";
import { isMark, openAssociation, openSession, sealAssociation, sealSession } from "./association-record.ts";
import { type AssociationSealing, isSealedByCurrent } from "./association-sealing.ts";
import type { DeviceCredentials } from "./device-credentials.ts";
import type { DtlsEndpointParts } from "./dtls-endpoint.ts";
import { LastSessions } from "./last-sessions.ts";
import type { LookupGuard } from "./lookup-guard.ts";
import type { DtlsMetrics } from "./metrics.ts";
import { parsePrincipal } from "./principal.ts";

/** What the store's part of the machine's questions is answered with. */
export interface AssociationQuestionsParts {
  readonly credentials: DeviceCredentials;
  readonly associations: AssociationStore;
  readonly sealing: AssociationSealing;
  readonly node: NodeRef;
  readonly askOwner: DtlsEndpointParts["askOwner"];
  readonly guard: LookupGuard;
  readonly metrics: DtlsMetrics;
  readonly settings: { readonly lifetimeMs: number; readonly sessionLifetimeMs: number };
  readonly wallMs: () => number;
  readonly random: (size: number) => Uint8Array;
  /** Puts what this node has back into a store that was emptied; false when it has it not any more. */
  readonly restore: (association: AssociationId) => Promise<boolean>;
  /** Stamp under which this node had the association last and stored exactly how far it was received. Answered once: after the next claim it holds no more. */
  readonly takeExact: (association: AssociationId) => number | undefined;
}

type Asked<Type extends Question["type"]> = Extract<Question, { readonly type: Type }>;

const NONE: Answer = { type: "none" };

/** Answers what the machine asks about identities, sessions and associations. Every method rejects with `StateUnavailableError` when the store is away. */
export class AssociationQuestions {
  readonly #parts: AssociationQuestionsParts;
  readonly #lastSessions = new LastSessions();

  constructor(parts: AssociationQuestionsParts) {
    this.#parts = parts;
  }

  answer(question: Question): Promise<Answer> {
    const { credentials } = this.#parts;
    switch (question.type) {
      case "psk":
        return credentials.psk(question.identity);
      case "rawPublicKey":
        return credentials.rawPublicKey(question.publicKey);
      case "certificate":
        return credentials.certificate(question.chain);
      case "session":
        return this.#session(question);
      case "store":
        return this.#store(question);
      case "find":
        return this.#find(question);
      case "claim":
        return this.#claim(question);
      case "reserve":
        return this.#reserve(question);
      case "compute":
        return computeInPool(question.job);
    }
  }

  /** A session of a credential that was changed or withdrawn is none. */
  async #session({ id }: Asked<"session">): Promise<Answer> {
    const { associations, sealing, credentials } = this.#parts;
    const stored = await associations.getSession(id);
    const session = stored && openSession(sealing, stored);
    if (session === undefined || !(await credentials.isCurrent(session.principal))) return NONE;
    return { type: "session", session };
  }

  /**
   * A handshake takes its time: whether its credential still holds is asked behind `put`, so that a change is seen here or by the node that finds the association.
   * The session is put behind it too, as without its association it is of no use, but beside that question: one of a credential that does not hold is not
   * resumed, and goes again with its association.
   */
  async #store({ association, grant, session }: Asked<"store">): Promise<Answer> {
    const { associations, credentials, sealing, node, settings, random } = this.#parts;
    const stored = sealAssociation(sealing, association, { node, grant }, random);
    if (stored === undefined) return NONE;
    const outcome = await associations.put(stored, settings.lifetimeMs);
    if (outcome.type !== "done") return NONE;
    const sealed = session && settings.sessionLifetimeMs > 0 ? sealSession(sealing, session, random) : undefined;
    const [isCurrent] = await Promise.all([
      credentials.isCurrent(association.principal),
      sealed && this.#replaceSession(sealed),
    ]);
    if (isCurrent) return { type: "stored" };
    await Promise.all([associations.remove(stored), sealed && associations.removeSession(sealed.id)]);
    return NONE;
  }

  /** The one before goes at once: a device that is left without any makes a full handshake. */
  async #replaceSession(session: StoredSession): Promise<void> {
    const { associations, settings } = this.#parts;
    const before = this.#lastSessions.replace(session.device, session.id);
    await Promise.all([
      associations.putSession(session, settings.sessionLifetimeMs),
      before && associations.removeSession(before),
    ]);
  }

  async #find({ by }: Asked<"find">): Promise<Answer> {
    const { associations, sealing, guard, metrics } = this.#parts;
    const name = "cid" in by ? Buffer.from(by.cid).toString("hex") : by.address;
    const admitted = guard.admit(name);
    if (admitted !== "ask") {
      metrics.dtlsLookups.with({ outcome: admitted }).inc();
      return admitted === "spared" ? NONE : { type: "unavailable" };
    }
    let outcome: "found" | "damaged" | "none" | "unavailable" = "unavailable";
    let association: AssociationState | undefined;
    try {
      const stored = await ("cid" in by ? associations.findByCid(by.cid) : associations.findByAddress(by.address));
      association = stored && openAssociation(sealing, stored);
      outcome = association ? "found" : stored ? "damaged" : "none";
    } finally {
      metrics.dtlsLookups.with({ outcome }).inc();
    }
    if (association !== undefined) return { type: "found", association };
    guard.remember(name);
    return NONE;
  }

  /**
   * Gives the association to this node. The node that has it, where it lives, is asked first: it keeps what it has newer records of, or forgets it and tells
   * how far it had received. What a dead one had received is known only roughly, and then the address is provisional (docs/architecture.md). Should the claim
   * then fail, nobody has the association, and the next record finds it in the store.
   */
  async #claim({ association: id, principal, sequence }: Asked<"claim">): Promise<Answer> {
    const { associations, credentials, askOwner, node, settings, wallMs, metrics } = this.#parts;
    this.#parts.guard.proven(); // Only a record that was opened is claimed for.
    const device = deviceOf(principal);
    if (device === undefined) return NONE;
    const association = { device, id };
    // Before the claim: who claims what he then does not serve would be taken for an owner that knows the mark.
    if (!(await credentials.isCurrent(principal))) {
      await associations.remove(association);
      return NONE;
    }
    const current = await associations.get(device);
    if (current?.id !== id) return NONE;
    const asked = this.#isOwn(current.owner) ? undefined : await askOwner(current, sequence);
    if (asked?.type === "kept") {
      metrics.dtlsTakeOvers.with({ owner: "kept" }).inc();
      return isMark(asked.mark) ? asked : NONE;
    }
    const exactStamp = this.#parts.takeExact(id);
    const claimed = await associations.claim({ association, node, ttlMs: settings.lifetimeMs, nowMs: wallMs() });
    if (claimed.type === "gone") return NONE;
    const { stamp, from, ceiling, previous } = claimed;
    const grant = { stamp, slot: node.slot, from, ceiling };
    await this.#sealAnew(previous, grant);
    if (this.#isOwn(previous.owner))
      return { type: "claimed", grant, mark: exactStamp === previous.stamp ? previous.mark : undefined };
    // Somebody may have claimed it meanwhile, and received more than who was asked; the store has decided that it is ours.
    const told = previous.stamp === current.stamp ? asked : await askOwner(previous, undefined);
    const mark = told?.mark !== undefined && isMark(told.mark) ? told.mark : undefined;
    metrics.dtlsTakeOvers.with({ owner: mark === undefined ? "dead" : "alive" }).inc();
    return { type: "claimed", grant, mark };
  }

  /** After a sealing key was rotated: the one before can go once all that was not heard since has lapsed. */
  async #sealAnew(stored: StoredAssociation, grant: WriteGrant): Promise<void> {
    const { associations, sealing, node, settings, random } = this.#parts;
    if (isSealedByCurrent(sealing, stored.sealed)) return;
    const association = openAssociation(sealing, stored);
    const sealed = association && sealAssociation(sealing, association, { node, grant }, random);
    if (sealed !== undefined) await associations.restore(sealed, settings.lifetimeMs);
  }

  #isOwn({ slot, bootId }: NodeRef): boolean {
    const { node } = this.#parts;
    return slot === node.slot && bootId === node.bootId;
  }

  /** A store that was emptied gets back what this node has, and is asked once more. */
  async #reserve({ association: id, principal, grant }: Asked<"reserve">): Promise<Answer> {
    const { associations, node, settings, restore } = this.#parts;
    const device = deviceOf(principal);
    if (device === undefined) return NONE;
    const { stamp, ceiling } = grant;
    const hold = { association: { device, id }, node, stamp, ceiling, ttlMs: settings.lifetimeMs };
    const outcome = await associations.reserve(hold);
    if (outcome.type === "reserved") return outcome;
    if (outcome.type === "stale" || !(await restore(id))) return NONE;
    const again = await associations.reserve(hold);
    return again.type === "reserved" ? again : NONE;
  }
}

function deviceOf(principal: Principal): DeviceRef | undefined {
  return parsePrincipal(principal)?.device;
}
