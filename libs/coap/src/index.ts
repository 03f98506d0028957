export { type Block, blockOption, readBlock } from "./block.ts";
export { CODE, codeClass, formatCode, isRequestCode, isResponseCode } from "./code.ts";
export { CONTENT_FORMAT } from "./content-format.ts";
export type { Random } from "./context.ts";
export { type Deadline, DeadlineQueue, NOT_QUEUED } from "./deadline-queue.ts";
export { CoapFormatError } from "./errors.ts";
export { type CoreLink, formatLinkFormat, type LinkAttribute, parseLinkFormat } from "./link-format.ts";
export type { Machine } from "./machine.ts";
export {
  decodeMessage,
  encodeEmpty,
  encodeMessage,
  MAX_TOKEN_LENGTH,
  MESSAGE_TYPE,
  type Message,
  type MessageType,
} from "./message.ts";
export { isFresher } from "./observation-relation.ts";
export {
  type CoapOption,
  decodeOptions,
  encodeOptions,
  findOption,
  readStringOptions,
  readUintOption,
  sortOptions,
  stringOption,
  uintOption,
  uriOptions,
  uriPath,
  uriQuery,
} from "./option.ts";
export { isCritical, OPTION } from "./option-registry.ts";
export { CoapStack, type CoapStackSettings, type StackUsage } from "./stack.ts";
export {
  DROP_REASONS,
  type DropReason,
  type ExchangeId,
  type FailureReason,
  type Handle,
  type PeerKey,
  type Received,
  type StackInput,
  type StackOutput,
} from "./stack-io.ts";
export { DEFAULT_STACK_LIMITS, type StackLimits } from "./stack-limits.ts";
export {
  DEFAULT_TRANSMISSION_PARAMETERS,
  type DerivedTimes,
  deriveTimes,
  type TransmissionParameters,
} from "./transmission-parameters.ts";
