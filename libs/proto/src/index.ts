export { lwm2m } from "../generated/lwm2m.js";
export {
  MAX_KEY_CHARACTERS,
  MAX_VALUE_BYTES,
  type ParsedAttributeUpdate,
  parseAttributeUpdate,
} from "./attribute-update.ts";
export { fromWireInt64, toSafeNumber, toWireInt64 } from "./int64.ts";
export {
  CONTENT_TYPE,
  CONTENT_TYPE_HEADER,
  type ContentType,
  contentTypeOf,
  decodeMessage,
  encodeMessage,
  toJsonValue,
} from "./json.ts";
export { checkTenant, type ParsedRpcRequest, parseRpcRequest, type RpcRequest } from "./rpc-request.ts";
export { encodeRpcResponse } from "./rpc-response.ts";
export {
  attributeUpdateKey,
  type Cleanup,
  deviceKey,
  type MessageType,
  type ProvisioningKind,
  parseProvisioningKey,
  provisioningKey,
  rpcStateKey,
  TOPICS,
  type Topic,
  type TopicId,
  type TopicLayout,
  type Topics,
} from "./topics.ts";
export {
  type AttributeValues,
  encodeAttributes,
  encodeTelemetry,
  type RecordContext,
  type TelemetryValues,
  type ValueSample,
} from "./value-record.ts";
export { fromWireNode, toWireNode } from "./wire-node.ts";
export { fromWireValue, toWireValue } from "./wire-value.ts";
