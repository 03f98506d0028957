import { setTimeout as delay } from "node:timers/promises";
import type { Machine } from "@ferry/coap";
import {
  type Answer,
  type Association,
  type AssociationId,
  CIPHER_SUITES,
  type CloseReason,
  cipherSuite,
  DtlsServer,
  type DtlsServerInput,
  type DtlsServerOutput,
  type Principal,
  type Question,
  type QuestionId,
  type ReceiveMark,
  type WriteGrant,
} from "@ferry/dtls";
import { parseRateLimit } from "@ferry/profile";
import { deviceKey } from "@ferry/proto";
import { SealingError } from "@ferry/provisioning";
import {
  createEpisode,
  driveMachine,
  type Episode,
  type MachineDriver,
  type PeerKey,
  putNewest,
  type UdpSocket,
} from "@ferry/runtime";
import { type DeviceRef, StateUnavailableError } from "@ferry/state";
import { AssociationQuestions } from "./association-questions.ts";
import { sealAssociation } from "./association-record.ts";
import { Computations } from "./computations.ts";
import { parseLimitedGeneration } from "./credential-generation.ts";
import type {
  DtlsCloseReason,
  DtlsEndpoint,
  DtlsEndpointParts,
  DtlsPeer,
  OwnedAssociation,
  OwnerAnswer,
} from "./dtls-endpoint.ts";
import { DTLS_PEER_PREFIX } from "./dtls-peer.ts";
import { LimitedCredentials } from "./limited-credentials.ts";
import { LookupGuard } from "./lookup-guard.ts";
import { parsePrincipal } from "./principal.ts";
import { RefusalMemory } from "./refusal-memory.ts";
import type { DtlsSettings } from "./settings.ts";

/** What is stored or looked at again for many associations goes so many at a time. */
const AT_A_TIME = 32;
/** How soon what the store could not tell is asked again, ms. */
const ASK_AGAIN_MS = 1_000;
/** Associations that left memory, of which it is remembered that their mark in the store is exact; the oldest is forgotten first. */
const MAX_EXACT_MARKS = 65_536;

/** Records of one association that did not open, at which it is told of, and at each doubling from there (RFC 9147 §4.5.3). */
const WARN_AT_FAILED_OPENS = 256;

/** Opens a DTLS listener. @throws {UsageError} its port cannot be bound */
export async function openDtlsEndpoint(parts: DtlsEndpointParts): Promise<DtlsEndpoint> {
  const { settings, openSocket, logger } = parts;
  const endpoint = new Endpoint(parts);
  const socket = await openSocket({
    host: settings.host,
    port: settings.port,
    reusePort: settings.reusePort,
    receiveBufferBytes: settings.receiveBufferBytes,
    onDatagram: (bytes, address) => endpoint.receive(bytes, address),
    onError: (error) => logger.error({ error }, "The DTLS socket failed"),
  });
  endpoint.start(socket);
  return endpoint;
}

/** What this node knows of an association beside the machine. */
interface Held {
  readonly device: DeviceRef;
  readonly association: Association;
  /** When a certificate that it was made by is over, ms since 1970. */
  readonly validUntilMs: number;
  /** What it writes by; undefined when it was over before it was heard of here, as when a goodbye came with it. */
  grant: Pick<WriteGrant, "stamp" | "ceiling"> | undefined;
  /** Marks that were given to the store, and whether the last of them is there. */
  marks: number;
  isMarkStored: boolean;
}

class Endpoint implements DtlsEndpoint {
  readonly #parts: DtlsEndpointParts;
  readonly #server: DtlsServer;
  readonly #driver: MachineDriver<DtlsServerInput>;
  readonly #questions: AssociationQuestions;
  readonly #computations: Computations;
  readonly #refusals: RefusalMemory;
  readonly #storeEpisode: Episode;
  readonly #sealingEpisode: Episode;
  readonly #held = new Map<AssociationId, Held>();
  readonly #byDevice = new Map<string, AssociationId>();
  /** Why an association is about to be closed from here; undefined: nobody is told. */
  readonly #closing = new Map<AssociationId, DtlsCloseReason | undefined>();
  /** Stamps under which the mark in the store is exact, by association. */
  readonly #exactMarks = new Map<AssociationId, number>();
  /** How often credentials were looked at again. */
  #rechecks = 0;
  readonly #stopped = new AbortController();
  readonly #unfollowKeys: () => void;
  #socket: UdpSocket | undefined;

  constructor(parts: DtlsEndpointParts) {
    const { settings, sealing, serverKeys, node, clock, random, metrics, logger } = parts;
    this.#parts = parts;
    this.#server = new DtlsServer({
      random,
      wallMs: clock.wallMs,
      slot: node.slot,
      suites: suiteNumbers(settings),
      cidLengthBytes: settings.cidLength,
      cookieKeys: sealing.cookieKeys,
      extendedMasterSecret: settings.extendedMasterSecret,
      nonce: settings.nonce,
      mtuBytes: settings.mtu,
      identity: serverKeys,
      clientCertificates: ["rawPublicKey", "x509"],
      limits: {
        maxAssociations: settings.maxAssociations,
        maxHandshakes: settings.maxHandshakes,
        wrongKeyTimeoutMs: settings.wrongKeyTimeoutMs,
        idleMs: settings.idleMs,
      },
    });
    this.#driver = driveMachine(
      guarded(this.#server, parts.mayServe),
      (output) => this.#perform(output),
      clock.monotonicMs,
    );
    const lookups = parseRateLimit(settings.lookups) ?? [];
    this.#questions = new AssociationQuestions({
      ...parts,
      credentials: new LimitedCredentials(parts.credentials, lookups, clock.monotonicMs, metrics),
      guard: new LookupGuard(lookups, clock.monotonicMs),
      wallMs: clock.wallMs,
      restore: (id) => this.#restore(id),
      takeExact: (id) => this.#takeExact(id),
    });
    this.#computations = new Computations({
      inPlaceAtMost: settings.computeInPoolAbove,
      afterTurn: (then) => void setImmediate(then),
      count: (where) => metrics.dtlsComputations.with({ where }).inc(),
    });
    this.#refusals = new RefusalMemory(clock.monotonicMs);
    this.#storeEpisode = createEpisode(logger, {
      failed: "DTLS associations cannot be stored or looked up",
      healed: "DTLS associations can be stored and looked up again",
    });
    this.#sealingEpisode = createEpisode(logger, {
      failed: "A stored pre-shared key cannot be opened: is PROVISIONING_SEALING_KEY_FILE that of the rpc-router?",
      healed: "Stored pre-shared keys can be opened again",
    });
    this.#unfollowKeys = serverKeys.onChange(() => void this.#recheckAfterReload());
    metrics.dtlsAssociations.collect(() => this.#held.size);
  }

  start(socket: UdpSocket): void {
    this.#socket = socket;
  }

  receive(bytes: Uint8Array, address: string): void {
    if (!this.#stopped.signal.aborted) this.#driver.handle({ type: "datagram", address, bytes });
  }

  get port(): number {
    return this.#socket?.port ?? 0;
  }

  get size(): number {
    return this.#held.size;
  }

  send(bytes: Uint8Array, peer: PeerKey): void {
    if (!this.#endOverdue(idOf(peer))) this.#driver.handle({ type: "send", association: idOf(peer), bytes });
  }

  peer(peer: PeerKey): DtlsPeer | undefined {
    const held = this.#held.get(idOf(peer));
    return held && describe(held.association);
  }

  byDevice({ tenant, endpoint }: DeviceRef): PeerKey | undefined {
    const id = this.#byDevice.get(deviceKey(tenant, endpoint));
    return id === undefined ? undefined : DTLS_PEER_PREFIX + id;
  }

  release(
    { device, id, stamp }: Omit<OwnedAssociation, "owner">,
    sequence: number | undefined,
  ): OwnerAnswer | undefined {
    const held = this.#held.get(id);
    const snapshot = this.#server.snapshot(id);
    if (held === undefined || snapshot === undefined || !isSame(held.device, device)) return undefined;
    const { grant, association } = snapshot;
    const { mark } = association;
    // A captured record proves that its device was here, not that it is elsewhere now.
    if (sequence !== undefined && sequence <= mark.newest && this.#parts.mayServe()) return { type: "kept", mark };
    // Asked late, or once more: who asks has lost it since, or will be told by its own claim whom to ask.
    if (grant.stamp > stamp) return undefined;
    this.#end(id, undefined);
    return { type: "released", mark: grant.stamp === stamp ? mark : undefined };
  }

  async recheck(device: DeviceRef): Promise<void> {
    this.#rechecks++;
    await this.#recheckHeld(device);
  }

  async recheckCertificates(tenant: string): Promise<void> {
    await this.#recheckEach(({ device }, principal) => device.tenant === tenant && isCertificate(principal));
  }

  async recheckAll(): Promise<void> {
    await this.#recheckEach(() => true);
  }

  async writeBack({ tenant, endpoint }: DeviceRef): Promise<void> {
    const id = this.#byDevice.get(deviceKey(tenant, endpoint));
    if (id !== undefined) await this.#restore(id);
  }

  discard(): void {
    this.#driver.handle({ type: "discard" });
  }

  kernelDrops(): number {
    return this.#socket?.kernelDrops() ?? 0;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#unfollowKeys();
    if (this.#parts.mayServe()) await this.#storeMarks();
    this.#driver.stop();
    await this.#socket?.close();
  }

  #perform(output: DtlsServerOutput): void {
    const { on, metrics } = this.#parts;
    switch (output.type) {
      case "send":
        this.#socket?.send(output.bytes, output.address);
        break;
      case "question":
        this.#answer(output.id, output.question);
        break;
      case "received":
        if (this.#held.has(output.association.id) && !this.#endOverdue(output.association.id))
          on.datagram(output.bytes, DTLS_PEER_PREFIX + output.association.id);
        break;
      case "established":
        metrics.dtlsHandshakes.with({ kind: output.resumed ? "resumed" : "full" }).inc();
        // It was stored with its mark.
        this.#hold(output.association, true);
        on.established(DTLS_PEER_PREFIX + output.association.id);
        break;
      case "takenOver":
        this.#hold(output.association, false);
        on.takenOver(DTLS_PEER_PREFIX + output.association.id);
        break;
      case "moved":
        metrics.dtlsMoves.inc();
        on.moved(DTLS_PEER_PREFIX + output.association.id);
        break;
      case "confirmed":
        on.confirmed(DTLS_PEER_PREFIX + output.association.id);
        break;
      case "mark":
        this.#noteMark(output.association, output.mark);
        break;
      case "closed":
        this.#closed(output.association, output.reason);
        break;
      case "handshakeFailed":
        this.#refused(output);
        break;
      case "dropped":
        metrics.dtlsDrops.with({ reason: output.reason }).inc();
        if (output.association !== undefined) this.#warnOfFailedOpens(output.association, output.failedOpens ?? 0);
        break;
    }
  }

  #answer(id: QuestionId, question: Question): void {
    const give = (answer: Answer): void => this.#driver.handle({ type: "answer", question: id, answer });
    if (question.type === "compute") {
      this.#computations.do(question.job, give);
      return;
    }
    const rechecks = this.#rechecks;
    void this.#questions.answer(question).then(
      (answer) => {
        if (!STORELESS.has(answer.type)) this.#storeEpisode.healed();
        if (answer.type === "psk") this.#sealingEpisode.healed();
        if (question.type === "reserve" && answer.type === "reserved")
          this.#regrant(question.association, { ...question.grant, ceiling: answer.ceiling });
        if (question.type === "claim" && answer.type === "claimed") this.#regrant(question.association, answer.grant);
        give(answer);
        // The association was not here yet when credentials were looked at again.
        if (rechecks !== this.#rechecks) this.#recheckNew(question);
      },
      (error: unknown) => {
        this.#tolerate(error);
        give({ type: "unavailable" });
      },
    );
  }

  /** Who goes on trying gets no further line before he has tried as often again. */
  #warnOfFailedOpens(association: AssociationId, failedOpens: number): void {
    const isPowerOfTwo = (failedOpens & (failedOpens - 1)) === 0;
    if (failedOpens < WARN_AT_FAILED_OPENS || !isPowerOfTwo) return;
    const device = this.#held.get(association)?.device;
    this.#parts.logger.warn(
      { ...device, association, failedOpens },
      "Records that name a DTLS association do not open: somebody may be trying to forge one",
    );
  }

  #recheckNew(question: Question): void {
    const { principal } = question.type === "store" ? question.association : question.type === "claim" ? question : {};
    const device = principal === undefined ? undefined : parsePrincipal(principal)?.device;
    if (device !== undefined) this.#background(() => this.#recheckHeld(device));
  }

  /** Ends an association whose certificate is over: nothing passes in either direction after its notAfter (RFC 5280 §4.1.2.5). True when it ends, for whatever reason. */
  #endOverdue(id: AssociationId): boolean {
    // More of its records may be in the datagram by which it ended: their outputs come before `closed`.
    if (this.#closing.has(id)) return true;
    const held = this.#held.get(id);
    if (held === undefined || this.#parts.clock.wallMs() <= held.validUntilMs) return false;
    this.#end(id, "closed", "accessDenied");
    return true;
  }

  #hold(association: Association, isMarkStored: boolean): void {
    const { id, principal } = association;
    const identity = parsePrincipal(principal);
    if (identity === undefined) return;
    const { device, generation } = identity;
    const { validUntilMs } = parseLimitedGeneration(generation);
    const grant = this.#server.grant(id);
    const key = deviceKey(device.tenant, device.endpoint);
    const before = this.#byDevice.get(key);
    this.#exactMarks.delete(id); // More is received from now on.
    this.#held.set(id, { device, association, validUntilMs, grant, marks: 0, isMarkStored });
    this.#byDevice.set(key, id);
    if (before === undefined || before === id) return;
    // The machine knows only that of the same address to be over.
    this.#parts.on.closed(DTLS_PEER_PREFIX + before, "replaced");
    this.#end(before, undefined);
  }

  #regrant(id: AssociationId, grant: WriteGrant): void {
    const held = this.#held.get(id);
    if (held !== undefined) held.grant = grant;
  }

  /** Ends an association here. `reason`: what is told; nobody is when it is undefined. */
  #end(id: AssociationId, reason: DtlsCloseReason | undefined, alert?: "accessDenied"): void {
    if (this.#server.association(id) === undefined) {
      this.#forget(id);
      return;
    }
    this.#closing.set(id, reason);
    this.#driver.handle({ type: "close", association: id, alert });
  }

  #closed({ id }: Association, cause: CloseReason): void {
    this.#parts.metrics.dtlsClosed.with({ reason: cause }).inc();
    const reason = this.#closing.has(id) ? this.#closing.get(id) : CLOSE_REASONS[cause];
    this.#closing.delete(id);
    const held = this.#forget(id);
    if (held === undefined || reason === undefined) return;
    if (reason === "idle" && held.isMarkStored) this.#noteExact(id, held);
    if (reason === "closed") this.#background(() => this.#parts.associations.remove({ device: held.device, id }));
    this.#parts.on.closed(DTLS_PEER_PREFIX + id, reason);
  }

  #forget(id: AssociationId): Held | undefined {
    const held = this.#held.get(id);
    if (held === undefined) return undefined;
    this.#held.delete(id);
    const key = deviceKey(held.device.tenant, held.device.endpoint);
    if (this.#byDevice.get(key) === id) this.#byDevice.delete(key);
    return held;
  }

  #noteMark({ id, address }: Association, mark: ReceiveMark): void {
    const held = this.#held.get(id);
    if (held !== undefined) this.#background(() => this.#putMark(id, held, mark, address));
  }

  /** What cannot be stored costs a device's next node a provisional address, no more: nothing waits for a store that is away. */
  async #storeMarks(): Promise<void> {
    try {
      await this.#atATime([...this.#held.keys()], (id) => this.#storeMark(id));
    } catch (error) {
      this.#tolerate(error);
    }
  }

  async #storeMark(id: AssociationId): Promise<void> {
    const held = this.#held.get(id);
    const association = this.#server.snapshot(id)?.association;
    if (held !== undefined && association !== undefined)
      await this.#putMark(id, held, association.mark, association.address);
  }

  async #putMark(id: AssociationId, held: Held, mark: ReceiveMark, address: string): Promise<void> {
    const { associations, node, settings } = this.#parts;
    const { device, grant } = held;
    if (grant === undefined) return;
    const { stamp, ceiling } = grant;
    const hold = { association: { device, id }, node, stamp, ceiling, ttlMs: settings.lifetimeMs };
    held.marks++;
    held.isMarkStored = false;
    const turn = held.marks;
    const { type } = await associations.mark({ ...hold, mark, address });
    if (type === "gone") await this.#restore(id);
    if (type === "stale") this.#end(id, "lost");
    if (type !== "done" || turn !== held.marks) return;
    held.isMarkStored = true;
    if (!this.#held.has(id)) this.#noteExact(id, held);
  }

  #noteExact(id: AssociationId, { grant }: Held): void {
    if (grant !== undefined) putNewest(this.#exactMarks, id, grant.stamp, MAX_EXACT_MARKS);
  }

  #takeExact(id: AssociationId): number | undefined {
    const stamp = this.#exactMarks.get(id);
    this.#exactMarks.delete(id);
    return stamp;
  }

  /** Puts an association back into the store; false when it is not here any more, or another node's. */
  async #restore(id: AssociationId): Promise<boolean> {
    const { associations, sealing, node, settings, random } = this.#parts;
    const snapshot = this.#server.snapshot(id);
    const stored = snapshot && sealAssociation(sealing, snapshot.association, { node, grant: snapshot.grant }, random);
    if (stored === undefined) return false;
    const outcome = await associations.restore(stored, settings.lifetimeMs);
    if (outcome.type !== "done") this.#end(id, "lost");
    return outcome.type === "done";
  }

  #isCurrent(principal: string): Promise<boolean> {
    return this.#parts.credentials.isCurrent(principal);
  }

  async #recheckHeld(device: DeviceRef): Promise<void> {
    const id = this.#byDevice.get(deviceKey(device.tenant, device.endpoint));
    const association = id === undefined ? undefined : this.#server.association(id);
    if (association === undefined || (await this.#isCurrent(association.principal))) return;
    // It may have made a new one meanwhile, with what is in force now.
    if (this.#server.association(association.id) !== undefined) this.#end(association.id, "closed", "accessDenied");
  }

  async #recheckEach(isMeant: (held: Held, principal: Principal) => boolean): Promise<void> {
    this.#rechecks++;
    const meant = [...this.#held].filter(([id, held]) => {
      const association = this.#server.association(id);
      return association !== undefined && isMeant(held, association.principal);
    });
    await this.#atATime(meant, async ([, { device }]) => {
      try {
        await this.#recheckHeld(device);
      } catch (error) {
        // One key that cannot be opened keeps nobody from looking at the others.
        if (!(error instanceof SealingError)) throw error;
        this.#tolerate(error);
      }
    });
  }

  /** Certificates may be revoked now, or their CAs trusted no more. */
  async #recheckAfterReload(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      try {
        await this.#recheckEach((_, principal) => isCertificate(principal));
        return;
      } catch (error) {
        this.#tolerate(error);
      }
      // Rejects with an AbortError, and with nothing else, when the signal aborts.
      await delay(ASK_AGAIN_MS, undefined, { signal: this.#stopped.signal, ref: false }).catch(() => {});
    }
  }

  async #atATime<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
    const rest = items.values();
    const worker = async (): Promise<void> => {
      for (const item of rest) await work(item);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  }

  /** Nobody waits for it; that it could not be done is told once per episode. */
  #background(work: () => Promise<void>): void {
    void work().then(
      () => this.#storeEpisode.healed(),
      (error: unknown) => this.#tolerate(error),
    );
  }

  /** The store's absence and sealing keys that are not ours are the environment's; all else is a bug. */
  #tolerate(error: unknown): void {
    if (error instanceof StateUnavailableError) this.#storeEpisode.failed(error);
    else if (error instanceof SealingError) this.#sealingEpisode.failed(error);
    else throw error;
  }

  #refused({ address, reason, detail, principal }: Extract<DtlsServerOutput, { type: "handshakeFailed" }>): void {
    const { metrics, on, logger } = this.#parts;
    metrics.dtlsHandshakeFailures.with({ reason }).inc();
    const device = principal === undefined ? undefined : parsePrincipal(principal)?.device;
    const isNews = device ? this.#refusals.note(device, reason) : this.#refusals.noteStranger(address, reason);
    const handshake = { device, address, reason, detail };
    if (isNews) on.refused(handshake);
    else logger.debug({ ...device, address, reason, detail }, "A DTLS handshake failed again");
  }
}

/** Answers that may be given without asking the store, and so say nothing of it. */
const STORELESS: ReadonlySet<Answer["type"]> = new Set(["none", "refused", "unavailable"]);

const CLOSE_REASONS: Readonly<Record<CloseReason, DtlsCloseReason>> = {
  closeNotify: "closed",
  fatalAlert: "closed",
  closed: "closed",
  replaced: "replaced",
  idle: "idle",
  evicted: "idle",
  lost: "lost",
};

/** Without its slot a node says nothing: another one may have it, and its nonces. */
function guarded(server: DtlsServer, mayServe: () => boolean): Machine<DtlsServerInput, DtlsServerOutput> {
  const discarded = (nowMs: number): DtlsServerOutput[] => {
    const { associations, handshakes, lookups } = server.usage;
    return associations + handshakes + lookups === 0 ? [] : server.handle({ type: "discard" }, nowMs);
  };
  return {
    handle: (input, nowMs) => (mayServe() ? server.handle(input, nowMs) : discarded(nowMs)),
    tick: (nowMs) => (mayServe() ? server.tick(nowMs) : [...discarded(nowMs), ...server.tick(nowMs)]),
    get deadlineMs() {
      return server.deadlineMs;
    },
  };
}

function suiteNumbers({ suites }: DtlsSettings): readonly number[] {
  return suites.flatMap((name) =>
    [...CIPHER_SUITES.values()].filter((suite) => suite.name === name).map(({ id }) => id),
  );
}

function describe(association: Association): DtlsPeer | undefined {
  const identity = parsePrincipal(association.principal);
  if (identity === undefined) return undefined;
  const { id, address, provisional, hasCid, createdAtMs, suite } = association;
  return {
    device: identity.device,
    association: id,
    securityMode: identity.securityMode,
    generation: identity.generation,
    address,
    provisional,
    suite: cipherSuite(suite)?.name ?? `0x${suite.toString(16)}`,
    hasCid,
    createdAtMs,
  };
}

function isCertificate(principal: Principal): boolean {
  return principal.startsWith("X509\n");
}

function idOf(peer: PeerKey): AssociationId {
  return peer.startsWith(DTLS_PEER_PREFIX) ? peer.slice(DTLS_PEER_PREFIX.length) : "";
}

function isSame(a: DeviceRef, b: DeviceRef): boolean {
  return a.tenant === b.tenant && a.endpoint === b.endpoint;
}
