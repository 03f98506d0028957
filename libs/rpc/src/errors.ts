/** Names of CoAP response codes in results. Codes that have none print `UNKNOWN`. */
export type ResultName =
  | "CREATED"
  | "DELETED"
  /** What ThingsBoard's page of 2021 prints for DELETED. */
  | "DELETE"
  | "CHANGED"
  | "CONTENT"
  | "BAD_REQUEST"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "NOT_FOUND"
  | "METHOD_NOT_ALLOWED"
  | "NOT_ACCEPTABLE"
  | "REQUEST_ENTITY_INCOMPLETE"
  | "PRECONDITION_FAILED"
  | "REQUEST_ENTITY_TOO_LARGE"
  | "UNSUPPORTED_CONTENT_FORMAT"
  | "INTERNAL_SERVER_ERROR"
  | "UNKNOWN";

/** A request that is not carried out. */
export interface Refusal {
  readonly type: "refused";
  /** `REJECTED`: no device could carry it out. `FAILED`: this one cannot, or its definitions do not allow it. */
  readonly status: "REJECTED" | "FAILED";
  readonly result: ResultName;
  readonly error: string;
}

/** Most characters of a caller's input that an error quotes. */
const MAX_QUOTED_CHARACTERS = 1000;

function quote(input: string): string {
  return input.length > MAX_QUOTED_CHARACTERS ? `${input.slice(0, MAX_QUOTED_CHARACTERS)}…` : input;
}

function rejected(error: string): Refusal {
  return { type: "refused", status: "REJECTED", result: "BAD_REQUEST", error };
}

function failed(error: string): Refusal {
  return { type: "refused", status: "FAILED", result: "BAD_REQUEST", error };
}

/** Names in a list that a text shows; the rest is counted. */
const MAX_QUOTED_NAMES = 32;

/** `[/5/0, /19/1]` */
function quoteList(names: readonly string[]): string {
  const more = names.length > MAX_QUOTED_NAMES ? `, … ${names.length - MAX_QUOTED_NAMES} more` : "";
  return `[${names.slice(0, MAX_QUOTED_NAMES).map(quote).join(", ")}${more}]`;
}

const WRITE_REPLACE_TARGET = "This operation can only be used for Resource or ResourceInstance!";
const WRITE_UPDATE_TARGET = "This operation can only be used for ObjectInstance or Resource (multiple)";
const WRITE_UPDATE_RESOURCE = "This operation can only be used for ObjectInstance or Multi-Instance Resource !";

/** A value that cannot be written, as the texts name it. */
export interface BadValue {
  readonly text: string;
  /** Class of the JSON value in the words of the texts: Integer, String, LinkedHashMap … */
  readonly className: string;
}

/** Every refusal, in one table: what is wrong with a request, or with it for this device. `id` is a path as the caller gave it, `path` a plain one. */
export const REFUSALS = {
  unsupportedMethod: (method: string): Refusal => ({
    ...rejected(`Unsupported operation type: ${quote(method)}`),
    result: "METHOD_NOT_ALLOWED",
  }),
  notJsonObject: (params: string): Refusal =>
    rejected(`The given string value cannot be transformed to Json object: ${quote(params)}`),
  paramsTooLarge: (characters: number, most: number): Refusal =>
    rejected(
      `The requestParams parameters have ${characters} characters, more than the ${most} that are read: split the request`,
    ),
  repeatedMember: (name: string): Refusal =>
    rejected(`Member '${quote(name)}' occurs more than once in the requestParams parameters: name it once`),
  unknownMember: (name: string, known: readonly string[]): Refusal =>
    rejected(`Member '${quote(name)}' of the requestParams parameters is not known: use ${known.join(", ")}`),
  missingTarget: (): Refusal => rejected("Can't find 'key' or 'id' in the requestParams parameters!"),
  tooManyPaths: (member: string, count: number, most: number): Refusal =>
    rejected(`'${member}' names ${count} paths, more than the ${most} of one request: split the request`),
  invalidPath: (message: string): Refusal => rejected(message),

  unknownKey: (key: string): Refusal => failed(`${quote(key)} is not configured in the device profile!`),
  keyOfOtherVersion: (key: string, id: string, registered: string): Refusal =>
    failed(
      `${quote(key)} is not configured in the device profile! It is configured as ${id}, and the device registered version ${registered}.`,
    ),
  unsupportedObject: (objectId: number | null): Refusal =>
    failed(`Specified object id ${objectId} absent in the list supported objects of the client or is security object!`),
  otherVersion: (id: string, registered: string): Refusal =>
    failed(`Specified resource id ${id} is not valid version! Must be version: ${registered}`),

  unknownContentFormat: (name: string, known: readonly string[]): Refusal =>
    rejected(`'contentFormat' ${quote(name)} is not known: use one of ${known.join(", ")}`),
  contentFormatOfNode: (name: string, path: string, usable: readonly string[]): Refusal =>
    rejected(`'contentFormat' ${name} cannot carry ${path} here: use one of ${usable.join(", ")}`),

  overlappedPaths: (path: string, other: string): Refusal =>
    rejected(`Invalid path list :  ${path} and ${other} are overlapped paths`),
  noCompositeSupport: (): Refusal => failed("This device does not support Composite Operation"),

  discoverResourceInstance: (path: string): Refusal =>
    rejected(`Discover request cannot target resource instance path: ${path}`),

  noModel: (id: string): Refusal => failed(`Resource ${id} is not configured in the device profile!`),
  nullValue: (): Refusal => rejected("The value of this resource must not be null."),
  writeReplaceTarget: (id: string): Refusal => rejected(`Resource ${id}. ${WRITE_REPLACE_TARGET}`),
  badSingleValue: (path: string, value: BadValue, type: string): Refusal =>
    failed(
      `Resource id=${path}, value = ${quote(value.text)}, class = ${value.className}. Format value is bad. Value for this Single Resource must be ${type}!`,
    ),

  writeUpdateTarget: (id: string): Refusal => rejected(`Resource ${id}. ${WRITE_UPDATE_TARGET}`),
  writeUpdateSingle: (id: string): Refusal => failed(`Resource ${id}. ${WRITE_UPDATE_RESOURCE}`),
  writeUpdateNoModel: (id: string): Refusal =>
    failed(`Resource ${id}. ${WRITE_UPDATE_RESOURCE} Resource ${id} is not configured in the device profile!`),
  writeUpdateUnknownMember: (id: string, member: string): Refusal =>
    failed(
      `Resource ${id}. ${WRITE_UPDATE_RESOURCE} Resource ${id}/${quote(member)} is not configured in the device profile!`,
    ),
  writeUpdateNothing: (id: string): Refusal =>
    failed(`Resource ${id}. ${WRITE_UPDATE_RESOURCE} No resources to update!`),
  writeUpdateNotInstances: (id: string, path: string, value: BadValue): Refusal =>
    failed(`Resource ${id}. ${WRITE_UPDATE_RESOURCE} ${badInstances(path, value)}`),
  writeUpdateBadInstances: (resourceId: number, value: BadValue): Refusal =>
    failed(badInstances(String(resourceId), value)),
  writeUpdateNotMap: (): Refusal => rejected("The value of this resource must be in Map format and size > 0"),
  badMemberValue: (path: string, expected: string, got: string): Refusal =>
    failed(`Invalid value type for resource ${path}, expected ${expected}, got ${got}`),

  createTarget: (id: string): Refusal => rejected(`Path ${id}. Object must be Multiple !`),
  createSingleObject: (id: string): Refusal => failed(`Path ${id}. Object must be Multiple !`),
  createUnknownMember: (id: string, member: string): Refusal =>
    failed(`Resource ${id}/${quote(member)} is not configured in the device profile!`),
  createBadInstanceId: (id: string, member: string): Refusal =>
    rejected(`Invalid path ${id}/${quote(member)}: object instance id ${quote(member)} is not in 0..65534`),
  createMandatory: (resourceId: number): Refusal =>
    failed(`Resource id=${resourceId} is mandatory. The value of this resource must not be null.`),
  createWithoutId: (path: string, format: string): Refusal =>
    failed(
      `Missing object instance id for CREATE request (${path}) using ${format} content format. Name the instance in 'id': ${path}/<instance>`,
    ),
  deleteTarget: (path: string): Refusal => rejected(`Invalid path ${path} : Only object instances can be delete`),

  noNodes: (nodes: string): Refusal => rejected(`nodes: ${quote(nodes)} is not validate value`),
  badNodes: (nodes: string): Refusal =>
    rejected(
      `nodes: ${quote(nodes)} is not validate value. The WriteComposite operation is only used for SingleResources or/and ResourceInstance.`,
    ),
  badNodeType: (className: string, name: string): Refusal =>
    rejected(`Unsupported type: ${className}. The value of ${quote(name)} must be a string, a number or a boolean.`),
  nullNode: (name: string): Refusal =>
    rejected(`The value of this resource must not be null. Give ${quote(name)} a value.`),
  badNodeNumber: (text: string, path: string, type: string): Refusal =>
    failed(`For input string: "${quote(text)}". The value of ${path} must be ${type}.`),

  executeTarget: (path: string): Refusal => rejected(`Invalid path ${path} : Only resource can be executed.`),
  executeNoModel: (id: string, objectId: number, version: string): Refusal =>
    failed(
      `ResourceModel with ${id} is absent in the system. Need to add Model with id= ${objectId}  ver=${version}  to profile.`,
    ),
  notExecutable: (id: string): Refusal => failed(`Resource with ${id} is not executable.`),
  executeArgumentType: (className: string): Refusal =>
    rejected(
      `Unsupported parameter type: ${className}. Only simple types (String, Integer, Boolean, etc.) are allowed for Execute arguments.`,
    ),
  executeArguments: (message: string): Refusal => rejected(`Invalid Execute request : [${quote(message)}]`),

  missingAttributes: (): Refusal => rejected("Attributes to write are not specified!"),
  notNotificationAttribute: (name: string): Refusal =>
    rejected(
      `Attribute ${name} is of class PROPERTIES but only NOTIFICATION attribute can be used in WRITE ATTRIBUTE request.`,
    ),
  badDimension: (): Refusal => rejected("'Dimension' attribute value must be between [0-255]"),
  badVersion: (version: string): Refusal => rejected(`version (${quote(version)}) MUST be composed of 2 parts`),
  invalidAttributes: (message: string): Refusal => rejected(message),

  noActiveObservation: (id: string): Refusal =>
    failed(`Could not find active Observe component with path: ${quote(id)}`),
  noActiveCompositeObservation: (ids: readonly string[]): Refusal =>
    failed(`Could not find active Observe Composite component with paths: ${quoteList(ids)}`),
  registeredSingle: (path: string): Refusal => failed(`Resource [${path}] is already registered as SingleObservation.`),
  registeredComposite: (path: string): Refusal =>
    failed(`Resource [${path}] is already registered in CompositeObservation.`),
  observationConflict: (path: string, existing: string): Refusal =>
    failed(`Resource [${path}] conflict with is already registered as SingleObservation [${existing}].`),
  tooManyObservations: (most: number): Refusal =>
    failed(
      `The device has ${most} observations by RPC, which is the most: cancel one first, or observe several paths in one by ObserveComposite`,
    ),
};

/** Every other failure: what came of a request that was sent, or could not be. `uri` is what it was about. */
export const FAILURES = {
  timeout: (uri: string): string => `Request ${uri} timed out`,
  reset: (uri: string): string => `Request ${uri} rejected`,
  cancelled: (uri: string): string => `Request ${uri} cancelled`,
  notConnected: (uri: string): string => `Unable to send request ${uri} : peer is not connected`,
  notSent: (uri: string): string => `Unable to send request ${uri}`,
  unexpectedCode: (endpoint: string, code: string, request: string): string =>
    `Client [${endpoint}] returned unexpected response code [${code}] for [${request}]`,
  unexpectedFormat: (endpoint: string, format: number | undefined, request: string): string =>
    `Client [${endpoint}] returned unexpected content format [${format}] for [${request}]`,
  undecodable: (endpoint: string, request: string): string =>
    `Unable to decode response payload of request [${request}] from client [${endpoint}]`,
  unencodable: (request: string, reason: string): string => `Unable to encode request [${request}]: ${reason}`,
  /** A code without a name: `5.01`, or `5.03 busy` with the device's text. */
  unnamedCode: (code: string, diagnostic: string): string => [code, diagnostic].filter((part) => part !== "").join(" "),
};

/** What a request was about, as texts have it: `/3/0/9`; of a composite one its paths: `/3/0/9, /1`. */
export function quotePaths(paths: readonly string[]): string {
  return quoteList(paths).slice(1, -1);
}

function badInstances(path: string, { text, className }: BadValue): string {
  return `Resource id=${path}, class = ${className}, value = ${quote(text)} is bad. Value of Multi-Instance Resource must be in Json format!`;
}
