/** A device profile that cannot be used; the message is `<field>: <reason>`. */
export class ProfileError extends Error {
  override readonly name = "ProfileError";
  readonly code = "PROFILE";
  /** The member that is wrong, such as `resources["/3/0/9"].attributes.pmin`; empty for the document as a whole. */
  readonly field: string;
  /** What is wrong with it, and what to write instead. */
  readonly reason: string;

  constructor(field: string, reason: string) {
    super(field === "" ? reason : `${field}: ${reason}`);
    this.field = field;
    this.reason = reason;
  }
}
