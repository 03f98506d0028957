export type { BootstrapSummary } from "@ferry/state";
export { BusClient, type BusClientOptions } from "./bus-client.ts";
export { ApiError, InvalidValueError, NoAnswerError } from "./errors.ts";
export {
  type DeclaredDocument,
  type DesiredValue,
  type DeviceDetails,
  type DeviceSummary,
  type FerryClient,
  type RpcAnswer,
  type RpcCall,
  STREAMS,
  type Stream,
  type StreamRecord,
  type TailOptions,
} from "./ferry-client.ts";
export { escapeControls, formatRecord } from "./format-record.ts";
export { type DocumentJson, HttpClient, toDocumentJson } from "./http-client.ts";
