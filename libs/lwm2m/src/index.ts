export {
  ATTRIBUTE_NAMES,
  formatAttributes,
  type NotificationAttributes,
  parseAttributes,
  validateAttributes,
} from "./attributes.ts";
export {
  type AccountKeys,
  type ServerSettings,
  securityNode,
  serverNode,
  type TargetAccount,
  type TargetBootstrapAccount,
  type TargetServerAccount,
} from "./bootstrap/account-nodes.ts";
export {
  type BootstrapDiscovery,
  hasUnnamedServers,
  instancesOf,
  parseBootstrapDiscovery,
  withShortServerIds,
} from "./bootstrap/bootstrap-discovery.ts";
export {
  type BootstrapOperation,
  fromBootstrapResponse,
  isSuccess,
  toBootstrapRequest,
} from "./bootstrap/bootstrap-operation.ts";
export {
  type BootstrapPackRequest,
  type BootstrapRequest,
  type BootstrapUplink,
  parseBootstrapUplink,
} from "./bootstrap/bootstrap-uplink.ts";
export { shortServerIdsOf } from "./bootstrap/short-server-id.ts";
export {
  assumedCompositeFormat,
  type CompositeNode,
  decodeComposite,
  decodePaths,
  encodePaths,
} from "./content/composite.ts";
export {
  assumedFormat,
  COMPOSITE_FORMATS,
  CONTENT_FORMATS,
  type ContentFormat,
  chooseFormat,
  type FormatSupport,
  formatContentFormat,
  preferredFormats,
} from "./content/content-format.ts";
export { type DecodedPack, decodeContent, decodePack, decodeTimedValues } from "./content/decode.ts";
export { encodeContent, encodeTimedValues } from "./content/encode.ts";
export { flattenNode } from "./content/node-tree.ts";
export {
  ExecuteArgumentsError,
  InvalidAttributesError,
  InvalidModelError,
  InvalidPathError,
  Lwm2mError,
  ObjectLinksError,
  UndecodableContentError,
  UnencodableContentError,
  UnexpectedResponseError,
} from "./errors.ts";
export { type ExecuteArgument, formatExecuteArguments, parseExecuteArguments } from "./execute-arguments.ts";
export { parseDdf, splitDdf } from "./model/ddf.ts";
export { ModelRegistry, type ResolvedModel } from "./model/model-registry.ts";
export type { ModelView, ObjectModel, ResourceModel } from "./model/object-model.ts";
export type {
  LwM2mNode,
  MultipleResourceNode,
  ObjectInstanceNode,
  ObjectNode,
  ResourceInstanceNode,
  ResourceNode,
  SingleResourceNode,
  TimedValue,
} from "./node.ts";
export {
  keepRootLink,
  parseObjectLinks,
  type SupportedObject,
  type SupportedObjects,
  supportsPath,
} from "./object-links.ts";
export {
  type CoapRequest,
  type CoapResponse,
  fromCoapResponse,
  type NewInstance,
  type Operation,
  type OperationOutcome,
  operationPaths,
  type RequestContext,
  toCoapRequest,
} from "./operation.ts";
export {
  comparePaths,
  formatPath,
  formatVersionedPath,
  isObjectVersion,
  isWithin,
  type LwM2mPath,
  parsePath,
  parseVersionedPath,
  pathsOverlap,
  type VersionedPath,
} from "./path.ts";
export { isBindingMode, type LwM2mVersion } from "./registration-parameters.ts";
export { findRepeatedMember } from "./repeated-member.ts";
export {
  type Deregister,
  MISSING_ENDPOINT,
  parseUplink,
  type Refusal,
  type Register,
  type Send,
  type Update,
  type Uplink,
} from "./uplink.ts";
export {
  type DataType,
  exactInteger,
  formatDecimal,
  formatObjectLink,
  INT64_MAX,
  INT64_MIN,
  isTimeMs,
  type ObjectLink,
  parseObjectLink,
  type ResourceValue,
  UINT64_MAX,
} from "./value.ts";
