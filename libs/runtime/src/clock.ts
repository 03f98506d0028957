/** Gives the time in ms. Monotonic for deadlines, wall for what is stored or shown. */
export type Clock = () => number;

/** Ms since the process started; never goes back and knows no dates. The `nowMs` of every machine. */
export const monotonicMs: Clock = () => performance.now();

/** Ms since 1970 by the machine's clock. */
export const wallMs: Clock = () => Date.now();
