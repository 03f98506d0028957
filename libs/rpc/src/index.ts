export { convertValue } from "./convert-value.ts";
export { FAILURES, REFUSALS, type Refusal, type ResultName } from "./errors.ts";
export { type Compat, type FormatOptions, formatComposite, formatNode } from "./format-node.ts";
export { type Json, JsonNumber, type JsonObject, parseJson } from "./json.ts";
export { MAX_PARAMS_CHARACTERS, MAX_PATHS } from "./limits.ts";
export { formatDiscoverAll, formatLocalValue, formatObserveReadAll } from "./local-answer.ts";
export { findMethod, METHODS, type Method, type MethodName } from "./method.ts";
export { findObservation, findObservationConflict, type ObservedPaths } from "./observations.ts";
export { buildOperation, type LocalAsk, type LocalRequest, type RpcOperation } from "./parameters.ts";
export {
  type FinalStatus,
  formatNoAnswer,
  formatOutcome,
  formatRefusal,
  formatUnencodable,
  formatUnexpectedResponse,
  type NoAnswer,
  type NodeAtPath,
  type RpcResult,
  requestName,
  resultName,
} from "./result.ts";
export type { OperationContext } from "./target.ts";
export { parseTerminalLine, type TerminalRequest } from "./terminal.ts";
export { createTimeFormat, type FormatTime } from "./time-text.ts";
