/** A protocol core. It owns no socket, no clock and no randomness: all three come in through its arguments. */
export interface Machine<Input, Output> {
  /** Takes one datagram or one local command; returns datagrams to send and events, in order. Throws only on our own bugs. */
  handle(input: Input, nowMs: number): Output[];
  /** Does what is due: retransmissions, expiries. */
  tick(nowMs: number): Output[];
  /** When `tick` is next due, on the clock of `nowMs` (monotonic); `undefined` when nothing is pending. */
  readonly deadlineMs: number | undefined;
}
