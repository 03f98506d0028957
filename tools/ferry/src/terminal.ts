/** What a command writes to and reads from. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

/** Exit codes of the command line. */
export const EXIT = { done: 0, refused: 1, usage: 2, unavailable: 3 } as const;

/** Tells the exit code that a command ends with. */
export type Ended = (code: number) => void;
