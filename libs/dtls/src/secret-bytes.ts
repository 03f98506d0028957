const HIDDEN = "[secret]";

/** Bytes of a secret: whoever prints what holds them, as text or as JSON, does not see them. What is cut out of them is secret as well. */
export class SecretBytes extends Uint8Array {
  static {
    // What util.inspect asks for, and with it the console and test runners.
    Object.defineProperty(SecretBytes.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: () => HIDDEN });
  }

  static copyOf(bytes: Uint8Array): SecretBytes {
    const secret = new SecretBytes(bytes.length);
    secret.set(bytes);
    return secret;
  }

  /** A copy; what it was made of is overwritten. */
  static take(bytes: Uint8Array): SecretBytes {
    const secret = SecretBytes.copyOf(bytes);
    bytes.fill(0);
    return secret;
  }

  toJSON(): string {
    return HIDDEN;
  }

  override toString(): string {
    return HIDDEN;
  }
}
