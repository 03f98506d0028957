/** What a file of the keys folder holds is not what its name says; the message says what is wrong and what to do. Never quotes the file. */
export class KeyFileError extends Error {
  override readonly name = "KeyFileError";
  readonly code = "KEY_FILE";
}
