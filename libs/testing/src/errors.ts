/** Something that a test needs is not installed. */
export class MissingToolError extends Error {
  override readonly name = "MissingToolError";
  readonly code = "MISSING_TOOL";
  readonly tool: string;

  constructor(tool: string, install: string) {
    super(`${tool} is missing: ${install}`);
    this.tool = tool;
  }
}

/** A server that a test started does not come up, or does not do what was asked of it. */
export class ProcessStartError extends Error {
  override readonly name = "ProcessStartError";
  readonly code = "PROCESS_START";
}
