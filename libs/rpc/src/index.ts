export { convertValue } from "./convert-value.ts";
export { REFUSALS, type Refusal, type ResultName } from "./errors.ts";
export { type FormatOptions, formatNode } from "./format-node.ts";
export { type Json, JsonNumber, type JsonObject, parseJson } from "./json.ts";
export { findMethod, METHODS, type Method, type OfferedMethod } from "./method.ts";
export { buildOperation, type OperationContext, type RpcOperation } from "./parameters.ts";
export {
  type FinalStatus,
  formatLocalValue,
  formatNoAnswer,
  formatOutcome,
  formatRefusal,
  formatUnexpectedResponse,
  type NoAnswer,
  type NodeAtPath,
  type RpcResult,
  requestName,
  resultName,
} from "./result.ts";
export { parseTerminalLine, type TerminalRequest } from "./terminal.ts";
export { createTimeFormat, type FormatTime } from "./time-text.ts";
