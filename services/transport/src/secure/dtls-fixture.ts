import { randomBytes } from "node:crypto";
import type { ReceiveMark } from "@ferry/dtls";
import type {
  DtlsCloseReason,
  DtlsEndpoint,
  DtlsPeer,
  DtlsWiring,
  OwnedAssociation,
  OwnerAnswer,
} from "@ferry/dtls-endpoint";
import type { DeviceRef } from "@ferry/state";
import type { TransportSettings } from "../config.ts";
import type { TransportNode } from "../service.ts";
import { answerAsMeter, type System, startNode, TestDevice } from "../transport-fixture.ts";

/** An association, wherever it is served now. */
interface Association {
  state: DtlsPeer;
  /** What the device does with what it gets. */
  receive: (bytes: Uint8Array) => void;
}

/**
 * A DTLS listener without DTLS: a test says which devices have an association, and what becomes of it. Its datagrams are handed over as they are.
 */
export class TestListener implements DtlsEndpoint {
  readonly port = 5686;
  readonly associations: Map<string, Association> = new Map();
  /** Devices that were to be looked at again, tenants after `fleet `. */
  readonly rechecked: string[] = [];
  readonly writtenBack: string[] = [];
  discards = 0;
  #wiring: DtlsWiring | undefined;

  open = async (wiring: DtlsWiring): Promise<DtlsEndpoint> => {
    this.#wiring = wiring;
    return this;
  };

  get wiring(): DtlsWiring {
    if (this.#wiring === undefined) throw new TypeError("the listener was not opened");
    return this.#wiring;
  }

  get size(): number {
    return this.associations.size;
  }

  /** A device has ended a handshake. Answers its peer key. */
  connect(endpoint: string, given: Partial<DtlsPeer> = {}): string {
    const association = randomBytes(9).toString("base64url");
    const device = { tenant: "default", endpoint };
    const before = this.byDevice(device);
    if (before !== undefined) this.end(before, "replaced");
    const peer = `dtls:${association}`;
    const state: DtlsPeer = {
      device,
      association,
      securityMode: "PSK",
      generation: "0123456789abcdef",
      address: "192.0.2.1:5684",
      provisional: false,
      suite: "TLS_PSK_WITH_AES_128_CCM_8",
      hasCid: true,
      createdAtMs: 1_700_000_000_000,
      ...given,
    };
    this.associations.set(peer, { state, receive: () => {} });
    this.wiring.on.established(peer);
    return peer;
  }

  /** Datagrams of a device arrive. */
  arrive(bytes: Uint8Array, peer: string): void {
    // As the real one: who cannot prove that it may serve forgets what it has.
    if (!this.wiring.mayServe()) return;
    if (this.associations.has(peer)) this.wiring.on.datagram(bytes, peer);
  }

  change(peer: string, change: Partial<DtlsPeer>): void {
    const association = this.associations.get(peer);
    if (association === undefined) return;
    association.state = { ...association.state, ...change };
    if (change.address !== undefined) this.wiring.on.moved(peer);
    if (change.provisional === false) this.wiring.on.confirmed(peer);
  }

  end(peer: string, reason: DtlsCloseReason): void {
    this.associations.delete(peer);
    this.wiring.on.closed(peer, reason);
  }

  /** A new record of the association came here: its node before is asked for it. Answers what that said. */
  async takeOver(peer: string, from: TestListener, given: Partial<DtlsPeer> = {}): Promise<OwnerAnswer | undefined> {
    const association = from.associations.get(peer);
    if (association === undefined) throw new TypeError(`${peer} is not there`);
    const { device, association: id } = association.state;
    const answer = await this.wiring.askOwner({ device, id, owner: from.wiring.node, stamp: STAMP }, MARK.newest + 1);
    from.associations.delete(peer);
    this.associations.set(peer, association);
    association.state = { ...association.state, provisional: answer === undefined, ...given };
    this.wiring.on.takenOver(peer);
    return answer;
  }

  send(bytes: Uint8Array, peer: string): void {
    this.associations.get(peer)?.receive(bytes);
  }

  peer(peer: string): DtlsPeer | undefined {
    return this.associations.get(peer)?.state;
  }

  byDevice({ tenant, endpoint }: DeviceRef): string | undefined {
    for (const [peer, { state }] of this.associations)
      if (state.device.tenant === tenant && state.device.endpoint === endpoint) return peer;
    return undefined;
  }

  release({ id, stamp }: Omit<OwnedAssociation, "owner">, sequence: number | undefined): OwnerAnswer | undefined {
    const peer = `dtls:${id}`;
    if (!this.associations.has(peer)) return undefined;
    if (sequence !== undefined && sequence <= MARK.newest) return { type: "kept", mark: MARK };
    if (stamp < STAMP) return undefined;
    this.associations.delete(peer);
    return { type: "released", mark: MARK };
  }

  async recheck({ endpoint }: DeviceRef): Promise<void> {
    this.rechecked.push(endpoint);
  }

  async recheckCertificates(tenant: string): Promise<void> {
    this.rechecked.push(`fleet ${tenant}`);
  }

  async recheckAll(): Promise<void> {
    this.rechecked.push("all");
  }

  async writeBack({ endpoint }: DeviceRef): Promise<void> {
    this.writtenBack.push(endpoint);
  }

  discard(): void {
    this.discards += 1;
    this.associations.clear();
  }

  kernelDrops(): number {
    return 0;
  }

  async stop(): Promise<void> {}
}

/** What a listener received of any association. */
export const MARK: ReceiveMark = { newest: 41, window: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) };

/** Under which listeners hold all associations. */
export const STAMP = 1_900_000_000;

/** A node with a DTLS listener. */
export type SecureNode = Awaited<ReturnType<typeof startNode>> & { readonly listener: TestListener };

export async function startSecureNode(system: System, change: Partial<TransportSettings> = {}): Promise<SecureNode> {
  const listener = new TestListener();
  return { ...(await startNode(system, change, listener.open)), listener };
}

/** A device whose datagrams go through an association. */
export class SecureDevice extends TestDevice {
  peer = "";
  #listener: TestListener | undefined;
  #receive: (bytes: Uint8Array, peer: string) => void = () => {};

  /** Opens a device that answers as the profile `meter` expects, and does its handshake. */
  static async connect(node: SecureNode, endpoint: string, given: Partial<DtlsPeer> = {}): Promise<SecureDevice> {
    const device = new SecureDevice();
    device.answer = answerAsMeter;
    await device.open(async (receive) => {
      device.#receive = receive;
      return { send: (bytes) => device.#listener?.arrive(bytes, device.peer), close: async () => {} };
    });
    device.handshake(node, endpoint, given);
    return device;
  }

  /** Makes a (new) association. */
  handshake(node: SecureNode, endpoint: string, given: Partial<DtlsPeer> = {}): void {
    this.peer = node.listener.connect(endpoint, given);
    this.goTo(node);
  }

  /** Its datagrams arrive at a node. */
  goTo(node: SecureNode): void {
    this.#listener = node.listener;
    this.pointAt(node as TransportNode);
    const association = node.listener.associations.get(this.peer);
    if (association !== undefined) association.receive = (bytes) => this.#receive(bytes, `127.0.0.1:${node.coapPort}`);
  }
}
