import {
  type AssociationState,
  CIPHERS,
  type CipherSuite,
  cipherSuite,
  type DirectionKeys,
  type ReceiveMark,
  SecretBytes,
  type SessionState,
  type WriteGrant,
} from "@ferry/dtls";
import type { NodeRef, StoredAssociation, StoredSession } from "@ferry/state";
import { type AssociationSealing, open, seal } from "./association-sealing.ts";
import { MAX_GENERATION_BYTES } from "./credential-generation.ts";
import { formatPrincipal, type ProvenIdentity, parsePrincipal } from "./principal.ts";

type Random = (size: number) => Uint8Array;

/** What is stored of an association beside its own state. */
export interface AssociationHolder {
  readonly node: NodeRef;
  readonly grant: WriteGrant;
}

const ENCRYPT_THEN_MAC = 1;
const EXTENDED_MASTER_SECRET = 2;
const HAS_PEER_CID = 4;
const ALL_FLAGS = ENCRYPT_THEN_MAC | EXTENDED_MASTER_SECRET | HAS_PEER_CID;

const MAX_CID_BYTES = 255;
const WINDOW_BYTES = 8;
const MAX_SEQUENCE = 2 ** 48 - 1;
/** `[` IPv6 `]:65535`, with room for a zone. */
const MAX_ADDRESS_BYTES = 80;
const MASTER_SECRET_BYTES = 48;
const SESSION_ID_BYTES = 32;

/**
 * An association as the store has it; `undefined` when its principal is none of ours. Sealed are the keys and what only a node needs:
 *
 * ```
 * flags 1 · largest plaintext 2 · keys of the server · keys of the client · [length 1 · the peer's Connection ID] · generation of the credential
 * keys of a direction: key 16 · salt 4, or MAC key 32
 * ```
 */
export function sealAssociation(
  sealing: AssociationSealing,
  association: AssociationState,
  { node, grant }: AssociationHolder,
  random: Random,
): StoredAssociation | undefined {
  const identity = parsePrincipal(association.principal);
  if (identity === undefined) return undefined;
  const plain = {
    id: association.id,
    device: identity.device,
    securityMode: identity.securityMode,
    suite: association.suite,
    cid: association.ownCid,
    createdAtMs: association.createdAtMs,
  };
  const bytes = encodeSecrets(association, identity.generation);
  return {
    ...plain,
    sealed: seal(sealing, { kind: "association", context: associationContext(plain), bytes }, random),
    owner: node,
    stamp: grant.stamp,
    sendCeiling: grant.ceiling,
    mark: association.mark,
    address: association.address,
  };
}

/** The inverse; undefined when it does not open, or holds what no association has. */
export function openAssociation(sealing: AssociationSealing, stored: StoredAssociation): AssociationState | undefined {
  if (!isPlausible(stored)) return undefined;
  const { id, device, securityMode, suite, cid, createdAtMs, mark, address } = stored;
  const bytes = open(sealing, { kind: "association", context: associationContext(stored), bytes: stored.sealed });
  const secrets = bytes && decodeSecrets(bytes, suite);
  bytes?.fill(0);
  if (secrets === undefined) return undefined;
  const { generation, ...state } = secrets;
  return {
    ...state,
    id,
    suite,
    ownCid: cid,
    principal: formatPrincipal({ securityMode, device, generation }),
    address,
    createdAtMs,
    mark,
  };
}

/** What is plain and does not change is authenticated: a record that was put in another's place does not open. */
function associationContext(
  plain: Pick<StoredAssociation, "id" | "device" | "securityMode" | "suite" | "cid" | "createdAtMs">,
): string {
  const { id, device, securityMode, suite, cid, createdAtMs } = plain;
  const cidHex = cid === undefined ? "-" : Buffer.from(cid).toString("hex");
  return [device.tenant, device.endpoint, id, securityMode, suite, cidHex, createdAtMs].join("\n");
}

/** What changes is not authenticated, and checked: nothing of it may reach the machine that no association can have. */
function isPlausible({ mark, address, cid }: StoredAssociation): boolean {
  return (
    isMark(mark) && address.length > 0 && address.length <= MAX_ADDRESS_BYTES && (cid === undefined || cid.length > 0)
  );
}

/** Whether a mark is one that an association can have. */
export function isMark({ newest, window }: ReceiveMark): boolean {
  return Number.isInteger(newest) && newest >= -1 && newest <= MAX_SEQUENCE && window.length === WINDOW_BYTES;
}

type Secrets = Pick<
  AssociationState,
  "encryptThenMac" | "extendedMasterSecret" | "server" | "client" | "peerCid" | "maxPlaintextBytes"
> & { readonly generation: string };

function encodeSecrets(association: AssociationState, generation: string): Uint8Array {
  const { server, client, peerCid, maxPlaintextBytes } = association;
  const flags =
    (association.encryptThenMac ? ENCRYPT_THEN_MAC : 0) |
    (association.extendedMasterSecret ? EXTENDED_MASTER_SECRET : 0) |
    (peerCid === undefined ? 0 : HAS_PEER_CID);
  return Buffer.concat([
    Uint8Array.of(flags, maxPlaintextBytes >> 8, maxPlaintextBytes & 0xff),
    ...[server, client].flatMap(({ key, salt, macKey }) => [key, salt, macKey]),
    ...(peerCid === undefined ? [] : [Uint8Array.of(peerCid.length), peerCid]),
    Buffer.from(generation),
  ]);
}

function decodeSecrets(bytes: Uint8Array, suiteId: number): Secrets | undefined {
  const suite = cipherSuite(suiteId);
  const reader = new Cursor(bytes);
  const [flags = 0, high = 0, low = 0] = reader.take(3) ?? [];
  if (suite === undefined || (flags & ~ALL_FLAGS) !== 0) return undefined;
  const server = takeKeys(reader, suite);
  const client = takeKeys(reader, suite);
  const hasPeerCid = (flags & HAS_PEER_CID) !== 0;
  const peerCid = hasPeerCid ? reader.copy(reader.take(1)?.[0] ?? MAX_CID_BYTES + 1) : undefined;
  const generation = reader.rest();
  if (server === undefined || client === undefined || (hasPeerCid && peerCid === undefined)) return undefined;
  if (generation.length === 0 || generation.length > MAX_GENERATION_BYTES) return undefined;
  return {
    encryptThenMac: (flags & ENCRYPT_THEN_MAC) !== 0,
    extendedMasterSecret: (flags & EXTENDED_MASTER_SECRET) !== 0,
    server,
    client,
    peerCid,
    maxPlaintextBytes: (high << 8) | low,
    generation: Buffer.from(generation).toString(),
  };
}

function takeKeys(reader: Cursor, { cipher }: CipherSuite): DirectionKeys | undefined {
  const { keyBytes, saltBytes, macKeyBytes } = CIPHERS[cipher];
  const [key, salt, macKey] = [reader.take(keyBytes), reader.take(saltBytes), reader.take(macKeyBytes)];
  if (key === undefined || salt === undefined || macKey === undefined) return undefined;
  return { key: SecretBytes.copyOf(key), salt: SecretBytes.copyOf(salt), macKey: SecretBytes.copyOf(macKey) };
}

/** A session as the store has it; `undefined` when its principal is none of ours. All is sealed but whose it is. */
export function sealSession(
  sealing: AssociationSealing,
  session: SessionState,
  random: Random,
): StoredSession | undefined {
  const identity = parsePrincipal(session.principal);
  if (identity === undefined) return undefined;
  const { id } = session;
  const { device } = identity;
  const bytes = encodeSession(session, identity);
  return {
    id,
    device,
    sealed: seal(sealing, { kind: "session", context: sessionContext({ id, device }), bytes }, random),
  };
}

/** The inverse; undefined when it does not open, or holds what no session has. */
export function openSession(sealing: AssociationSealing, stored: StoredSession): SessionState | undefined {
  if (stored.id.length !== SESSION_ID_BYTES) return undefined;
  const bytes = open(sealing, { kind: "session", context: sessionContext(stored), bytes: stored.sealed });
  const session = bytes && decodeSession(bytes, stored);
  bytes?.fill(0);
  return session;
}

function sessionContext({ id, device }: Pick<StoredSession, "id" | "device">): string {
  return [device.tenant, device.endpoint, Buffer.from(id).toString("hex")].join("\n");
}

const MODES = ["PSK", "RPK", "X509"] as const;

/**
 * ```
 * flags 1 · mode 1 · suite 2 · master secret 48 · length 1 · server name · generation of the credential
 * ```
 */
function encodeSession(session: SessionState, { securityMode, generation }: ProvenIdentity): Uint8Array {
  const { suite, masterSecret, encryptThenMac, serverName = "" } = session;
  const name = Buffer.from(serverName);
  return Buffer.concat([
    Uint8Array.of(encryptThenMac ? ENCRYPT_THEN_MAC : 0, MODES.indexOf(securityMode), suite >> 8, suite & 0xff),
    masterSecret,
    Uint8Array.of(name.length),
    name,
    Buffer.from(generation),
  ]);
}

function decodeSession(bytes: Uint8Array, { id, device }: StoredSession): SessionState | undefined {
  const reader = new Cursor(bytes);
  const [flags = 0, mode = MODES.length, high = 0, low = 0] = reader.take(4) ?? [];
  const masterSecret = reader.take(MASTER_SECRET_BYTES);
  const nameLength = reader.take(1)?.[0];
  const name = nameLength === undefined ? undefined : reader.take(nameLength);
  const generation = reader.rest();
  const securityMode = MODES[mode];
  if (masterSecret === undefined || name === undefined || securityMode === undefined) return undefined;
  if ((flags & ~ENCRYPT_THEN_MAC) !== 0 || generation.length === 0 || generation.length > MAX_GENERATION_BYTES)
    return undefined;
  return {
    id,
    suite: (high << 8) | low,
    masterSecret: SecretBytes.copyOf(masterSecret),
    encryptThenMac: flags === ENCRYPT_THEN_MAC,
    serverName: name.length === 0 ? undefined : Buffer.from(name).toString(),
    principal: formatPrincipal({ securityMode, device, generation: Buffer.from(generation).toString() }),
  };
}

/** Takes bytes off the front; what is not there is undefined. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  take(size: number): Uint8Array | undefined {
    const end = this.#at + size;
    if (end > this.#bytes.length) return undefined;
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  copy(size: number): Uint8Array | undefined {
    const taken = this.take(size);
    return taken && Uint8Array.from(taken);
  }

  rest(): Uint8Array {
    return this.#bytes.subarray(this.#at);
  }
}
