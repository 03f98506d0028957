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
