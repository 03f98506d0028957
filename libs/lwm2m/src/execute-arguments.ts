export interface ExecuteArgument {
  readonly digit: number;
  readonly value: string | undefined;
}
/** @throws {ExecuteArgumentsError} */
export declare function parseExecuteArguments(text: string): readonly ExecuteArgument[];
export declare function formatExecuteArguments(args: readonly ExecuteArgument[]): string;
