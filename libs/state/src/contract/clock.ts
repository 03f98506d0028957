/** The time of a contract's tests, which they decide. */
export interface ContractClock {
  /** Ms since 1970. */
  now(): number;
  /** Lets time pass; what it is then. */
  pass(ms: number): number;
}
