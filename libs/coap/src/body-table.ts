import { type Body, type BodyBudget, BodyBuffer, ReceivedBody, ServedBody, sameBytes } from "./blockwise.ts";
import type { Context } from "./context.ts";
import type { CoapOption } from "./option.ts";
import type { Peer } from "./peer.ts";

/** Bodies that peers send to us or fetch from us block by block; each lives until `bodyLifetimeMs` after its last block. */
export class BodyTable {
  readonly #context: Context;
  readonly #budget: BodyBudget;

  constructor(context: Context, budget: BodyBudget) {
    this.#context = context;
    this.#budget = budget;
  }

  findReceived(peer: Peer, key: Uint8Array): ReceivedBody | undefined {
    return peer.bodies.find((body): body is ReceivedBody => body.direction === "received" && sameBytes(body.key, key));
  }

  findServed(peer: Peer, key: Uint8Array): ServedBody | undefined {
    return peer.bodies.find((body): body is ServedBody => body.direction === "served" && sameBytes(body.key, key));
  }

  /** Begins a body that comes to us, in place of an unfinished one with the same key. */
  beginReceived(peer: Peer, key: Uint8Array, nowMs: number): ReceivedBody {
    const unfinished = this.findReceived(peer, key);
    if (unfinished !== undefined) this.delete(unfinished);
    const body = new ReceivedBody(peer, key, new BodyBuffer(this.#budget, this.#context.limits.maxBodyBytes));
    this.#add(peer, body, nowMs);
    return body;
  }

  /** Keeps a response for its later blocks if there is room; else the application will be asked for it again. */
  serve(
    peer: Peer,
    key: Uint8Array,
    response: { readonly code: number; readonly options: readonly CoapOption[]; readonly payload: Uint8Array },
    nowMs: number,
  ): void {
    const outdated = this.findServed(peer, key);
    if (outdated !== undefined) this.delete(outdated);
    if (response.payload.length > this.#context.limits.maxBodyBytes) return;
    if (!this.#budget.reserve(response.payload.length)) return;
    this.#add(peer, new ServedBody(peer, key, response), nowMs);
  }

  /** A block went by: the body lives on. */
  touch(body: Body, nowMs: number): void {
    this.#context.deadlines.set(body, nowMs + this.#context.limits.bodyLifetimeMs);
  }

  delete(body: Body): void {
    if (body.direction === "received") body.buffer.release();
    else this.#budget.release(body.payload.length);
    body.peer.bodies.splice(body.peer.bodies.indexOf(body), 1);
    this.#context.deadlines.delete(body);
  }

  #add(peer: Peer, body: Body, nowMs: number): void {
    const oldest = peer.bodies[0];
    if (oldest !== undefined && peer.bodies.length >= this.#context.limits.maxBodiesPerPeer) this.delete(oldest);
    peer.bodies.push(body);
    this.touch(body, nowMs);
  }
}
