import { type Operation, UnexpectedResponseError } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import { FAILURES, REFUSALS, type Refusal } from "./errors.ts";
import { MAX_PARAMS_CHARACTERS } from "./limits.ts";
import { findObservationConflict } from "./observations.ts";
import { buildOperation } from "./parameters.ts";
import { formatNoAnswer, formatOutcome, formatUnencodable, formatUnexpectedResponse } from "./result.ts";
import type { OperationContext } from "./target.ts";
import { parseTerminalLine } from "./terminal.ts";
import { FS, FT, ONLY_SENML_JSON, ONLY_TLV } from "./test-devices.ts";
import { createTimeFormat } from "./time-text.ts";

/** A refused request: which refusal, the section of the RPC specification, the request, and status and text of its answer. */
type Row = readonly [
  refusal: keyof typeof REFUSALS,
  section: string,
  request: string,
  answer: unknown,
  device?: OperationContext | undefined,
];

const BAD = "BAD_REQUEST";
const UPDATE = "This operation can only be used for ObjectInstance or Multi-Instance Resource !";
const MANY_IDS = JSON.stringify(Array.from({ length: 1000 }, (_, id) => `/3303/${id}/5700`));
const MANY_NODES = JSON.stringify(Object.fromEntries(Array.from({ length: 257 }, (_, id) => [`/38000/${id}/0`, "x"])));
const LARGE = `{"id":"/3/0/14","value":"${"x".repeat(MAX_PARAMS_CHARACTERS)}"}`;
const LONG_PATH = `/3${"/0".repeat(999)}`;

const ROWS: readonly Row[] = [
  ["unsupportedMethod", "§2", "Fly {}", "REJECTED METHOD_NOT_ALLOWED: Unsupported operation type: Fly"],
  [
    "notJsonObject",
    "§1.3",
    "Read [1]",
    `REJECTED ${BAD}: The given string value cannot be transformed to Json object: [1]`,
  ],
  [
    "notJsonObject",
    "§1.3",
    'ReadComposite {"ids":"/3/0/9"}',
    `REJECTED ${BAD}: The given string value cannot be transformed to Json object: {"ids":"/3/0/9"}`,
  ],
  [
    "notJsonObject",
    "§1.3",
    'ReadComposite {"keys":[{}]}',
    `REJECTED ${BAD}: The given string value cannot be transformed to Json object: {"keys":[{}]}`,
  ],
  [
    "notJsonObject",
    "§5.8",
    'WriteAttributes {"id":"/3/0/9","attributes":{"pmi":1}}',
    `REJECTED ${BAD}: The given string value cannot be transformed to Json object: {"id":"/3/0/9","attributes":{"pmi":1}}`,
  ],
  [
    "paramsTooLarge",
    "issue: 1 MiB bodies",
    `WriteReplace ${LARGE}`,
    `REJECTED ${BAD}: The requestParams parameters have 1048603 characters, more than the 1048576 that are read: split the request`,
  ],
  [
    "repeatedMember",
    "issue: duplicate fields",
    'Read {"id":"/3/0/9","\\u0069d":"/3/0/14"}',
    `REJECTED ${BAD}: Member 'id' occurs more than once in the requestParams parameters: name it once`,
  ],
  [
    "repeatedMember",
    "issue: duplicate fields",
    'WriteUpdate {"id":"/3/0","value":{"14":"+1","14":"+2"}}',
    `REJECTED ${BAD}: Member 'value.14' occurs more than once in the requestParams parameters: name it once`,
  ],
  [
    "unknownMember",
    "issue: unknown fields",
    'Read {"id":"/3/0/9","contentFormt":"TLV"}',
    `REJECTED ${BAD}: Member 'contentFormt' of the requestParams parameters is not known: use id, key, ids, keys, nodes, value, attributes, contentFormat`,
  ],
  ["missingTarget", "§1.3", "Read {}", `REJECTED ${BAD}: Can't find 'key' or 'id' in the requestParams parameters!`],
  [
    "missingTarget",
    "§1.3",
    'ReadComposite {"keys":[],"ids":[]}',
    `REJECTED ${BAD}: Can't find 'key' or 'id' in the requestParams parameters!`,
  ],
  [
    "tooManyPaths",
    "issue: a thousand ids",
    `ReadComposite {"ids":${MANY_IDS}}`,
    `REJECTED ${BAD}: 'ids' names 1000 paths, more than the 256 of one request: split the request`,
  ],
  [
    "tooManyPaths",
    "issue: a thousand nodes",
    `WriteComposite {"nodes":${MANY_NODES}}`,
    `REJECTED ${BAD}: 'nodes' names 257 paths, more than the 256 of one request: split the request`,
  ],
  ["invalidPath", "§3.3", 'Read {"id":"//3/0"}', `REJECTED ${BAD}: Invalid path //3/0: object id is empty`],
  ["invalidPath", "§3.3", 'Read {"id":"/3_/0"}', `REJECTED ${BAD}: Invalid path /3_/0: version "" is not major.minor`],
  [
    "invalidPath",
    "§3.3",
    'Execute {"id":"/3/0/9/0/1"}',
    `REJECTED ${BAD}: Invalid path /3/0/9/0/1: 5 levels, at most 4 are possible`,
  ],
  [
    "invalidPath",
    "§3.3",
    'WriteUpdate {"id":"/3/65535","value":{}}',
    `REJECTED ${BAD}: Invalid path /3/65535: object instance id 65535 is not in 0..65534`,
  ],
  [
    "invalidPath",
    "§3.3",
    'ReadComposite {"ids":["/65536"]}',
    `REJECTED ${BAD}: Invalid path /65536: object id 65536 is not in 0..65535`,
  ],
  [
    "invalidPath",
    "issue: a thousand segments",
    `Delete {"id":"${LONG_PATH}"}`,
    `REJECTED ${BAD}: Invalid path ${LONG_PATH.slice(0, 64)}…: longer than 64 characters`,
  ],
  ["unknownKey", "§3.2", 'Read {"key":"nope"}', `FAILED ${BAD}: nope is not configured in the device profile!`],
  [
    "unknownKey",
    "§3.2",
    'ReadComposite {"keys":["batteryLevel","nope"]}',
    `FAILED ${BAD}: nope is not configured in the device profile!`,
  ],
  [
    "unknownKey",
    "§5.5",
    'WriteComposite {"nodes":{"nope":1}}',
    `FAILED ${BAD}: nope is not configured in the device profile!`,
  ],
  [
    "keyOfOtherVersion",
    "§3.2",
    'Read {"key":"modelOfV2"}',
    `FAILED ${BAD}: modelOfV2 is not configured in the device profile! It is configured as /3_2.0/0/1, and the device registered version 1.0.`,
    FS,
  ],
  ...["Read", "Observe", "Discover", "WriteAttributes", "Execute", "Delete", "Create"].map(
    (method): Row => [
      "unsupportedObject",
      "§7",
      `${method} {"id":"/"}`,
      `FAILED ${BAD}: Specified object id null absent in the list supported objects of the client or is security object!`,
    ],
  ),
  [
    "unsupportedObject",
    "§3.4",
    'Create {"id":"/50/1","value":{}}',
    `FAILED ${BAD}: Specified object id 50 absent in the list supported objects of the client or is security object!`,
  ],
  [
    "unsupportedObject",
    "§3.4",
    'Create {"id":"/0_1.1/1","value":{}}',
    `FAILED ${BAD}: Specified object id 0 absent in the list supported objects of the client or is security object!`,
  ],
  [
    "otherVersion",
    "§3.4",
    'Delete {"id":"/19_1.0/0"}',
    `FAILED ${BAD}: Specified resource id /19_1.0/0 is not valid version! Must be version: 1.1`,
  ],
  [
    "unknownContentFormat",
    "§1.3",
    'Read {"id":"/3/0/9","contentFormat":"XML"}',
    expect.stringMatching(/^REJECTED BAD_REQUEST: 'contentFormat' XML is not known: use one of TLV, .*SENML_CBOR/),
  ],
  [
    "contentFormatOfNode",
    "§1.3",
    'Read {"id":"/3/0","contentFormat":"TEXT"}',
    expect.stringMatching(/^REJECTED BAD_REQUEST: 'contentFormat' TEXT cannot carry \/3\/0 here: use one of TLV/),
  ],
  [
    "contentFormatOfNode",
    "§1.3",
    'WriteReplace {"id":"/3/0/14","value":"+1","contentFormat":"OPAQUE"}',
    expect.stringContaining("'contentFormat' OPAQUE cannot carry /3/0/14 here: use one of TLV"),
  ],
  [
    "contentFormatOfNode",
    "§1.3",
    'ReadComposite {"ids":["/3/0"],"contentFormat":"TLV"}',
    expect.stringContaining(
      "'contentFormat' TLV cannot carry composite operations here: use one of SENML_JSON, SENML_CBOR",
    ),
  ],
  [
    "overlappedPaths",
    "§7",
    'ObserveComposite {"ids":["/5_1.2/0/2","/5_1.2/0"]}',
    `REJECTED ${BAD}: Invalid path list :  /5/0 and /5/0/2 are overlapped paths`,
  ],
  [
    "overlappedPaths",
    "§7",
    'WriteComposite {"nodes":{"/3/0/14":"+1","UtfOffset":"+2"}}',
    `REJECTED ${BAD}: Invalid path list :  /3/0/14 and /3/0/14 are overlapped paths`,
  ],
  ...[
    'ReadComposite {"ids":["/3/0"]}',
    'ObserveComposite {"ids":["/3/0"]}',
    'WriteComposite {"nodes":{"/3/0/14":"+1"}}',
  ].map(
    (request): Row => [
      "noCompositeSupport",
      "§7",
      request,
      `FAILED ${BAD}: This device does not support Composite Operation`,
      ONLY_TLV,
    ],
  ),
  [
    "discoverResourceInstance",
    "§7",
    'Discover {"id":"/3/0/6/1"}',
    `REJECTED ${BAD}: Discover request cannot target resource instance path: /3/0/6/1`,
  ],
  [
    "noModel",
    "§7",
    'WriteReplace {"id":"/3/0/99","value":1}',
    `FAILED ${BAD}: Resource /3/0/99 is not configured in the device profile!`,
  ],
  [
    "noModel",
    "§5.4",
    'Create {"id":"/31024/1","value":{"0":1}}',
    `FAILED ${BAD}: Resource /31024/1 is not configured in the device profile!`,
  ],
  [
    "noModel",
    "§5.5",
    'WriteComposite {"nodes":{"/3/0":{"99":1}}}',
    `FAILED ${BAD}: Resource /3/0/99 is not configured in the device profile!`,
  ],
  [
    "noModel",
    "§5.5",
    'WriteComposite {"nodes":{"/3/0/99":1}}',
    `FAILED ${BAD}: Resource /3/0/99 is not configured in the device profile!`,
  ],
  [
    "nullValue",
    "§5.1",
    'WriteReplace {"id":"/3/0/14"}',
    `REJECTED ${BAD}: The value of this resource must not be null.`,
  ],
  ["nullValue", "§5.4", 'Create {"id":"/19/2"}', `REJECTED ${BAD}: The value of this resource must not be null.`],
  [
    "writeReplaceTarget",
    "§7",
    'WriteReplace {"id":"/3/0","value":{}}',
    `REJECTED ${BAD}: Resource /3/0. This operation can only be used for Resource or ResourceInstance!`,
  ],
  [
    "badSingleValue",
    "§5.1",
    'WriteReplace {"id":"/38000/0/1","value":9223372036854775808}',
    `FAILED ${BAD}: Resource id=/38000/0/1, value = 9223372036854775808, class = BigInteger. Format value is bad. Value for this Single Resource must be INTEGER!`,
  ],
  [
    "writeUpdateTarget",
    "§7",
    'WriteUpdate {"id":"/19/0/0/1","value":"00"}',
    `REJECTED ${BAD}: Resource /19/0/0/1. This operation can only be used for ObjectInstance or Resource (multiple)`,
  ],
  ["writeUpdateSingle", "§7", 'WriteUpdate {"id":"/3/0/14","value":"x"}', `FAILED ${BAD}: Resource /3/0/14. ${UPDATE}`],
  [
    "writeUpdateNoModel",
    "§7",
    'WriteUpdate {"id":"/3/0/99","value":{}}',
    `FAILED ${BAD}: Resource /3/0/99. ${UPDATE} Resource /3/0/99 is not configured in the device profile!`,
  ],
  [
    "writeUpdateUnknownMember",
    "§5.3",
    'WriteUpdate {"id":"/3/0","value":{"14":"+1","99":1}}',
    `FAILED ${BAD}: Resource /3/0. ${UPDATE} Resource /3/0/99 is not configured in the device profile!`,
  ],
  [
    "writeUpdateNothing",
    "§7",
    'WriteUpdate {"id":"/3/0","value":{"99":1}}',
    `FAILED ${BAD}: Resource /3/0. ${UPDATE} No resources to update!`,
  ],
  [
    "writeUpdateNotInstances",
    "§7",
    'WriteUpdate {"id":"/19/0/0","value":"0081"}',
    `FAILED ${BAD}: Resource /19/0/0. ${UPDATE} Resource id=/19/0/0, class = String, value = 0081 is bad. Value of Multi-Instance Resource must be in Json format!`,
  ],
  [
    "writeUpdateBadInstances",
    "§5.3",
    'WriteUpdate {"id":"/19/0","value":{"0":"00"}}',
    `FAILED ${BAD}: Resource id=0, class = String, value = 00 is bad. Value of Multi-Instance Resource must be in Json format!`,
  ],
  [
    "writeUpdateNotMap",
    "§5.3",
    'WriteUpdate {"id":"/3/0","value":5}',
    `REJECTED ${BAD}: The value of this resource must be in Map format and size > 0`,
  ],
  [
    "writeUpdateNotMap",
    "§5.4",
    'Create {"id":"/19","nodes":{}}',
    `REJECTED ${BAD}: The value of this resource must be in Map format and size > 0`,
  ],
  [
    "badMemberValue",
    "§5.3",
    'WriteUpdate {"id":"/19/0","value":{"1":true}}',
    `FAILED ${BAD}: Invalid value type for resource /19/0/1, expected INTEGER, got BOOLEAN`,
  ],
  [
    "badMemberValue",
    "§5.4",
    'Create {"id":"/19","value":{"1":true}}',
    `FAILED ${BAD}: Invalid value type for resource /19/*/1, expected INTEGER, got BOOLEAN`,
  ],
  [
    "badMemberValue",
    "§5.5",
    'WriteComposite {"nodes":{"/38000/0/4":"yes"}}',
    `FAILED ${BAD}: Invalid value type for resource /38000/0/4, expected BOOLEAN, got STRING`,
  ],
  ["createTarget", "§5.4", 'Create {"id":"/19_1.1"}', `REJECTED ${BAD}: Path /19_1.1. Object must be Multiple !`],
  [
    "createTarget",
    "§5.4",
    'Create {"id":"/19/0/0","value":{}}',
    `REJECTED ${BAD}: Path /19/0/0. Object must be Multiple !`,
  ],
  ["createSingleObject", "§5.4", 'Create {"id":"/3/1"}', `FAILED ${BAD}: Path /3/1. Object must be Multiple !`],
  [
    "createUnknownMember",
    "§5.4",
    'Create {"id":"/19/2","value":{"0":{"0":"00"},"77":1}}',
    `FAILED ${BAD}: Resource /19/2/77 is not configured in the device profile!`,
  ],
  [
    "createBadInstanceId",
    "§5.4",
    'Create {"id":"/19","nodes":{"65535":{"0":{"0":"00"}}}}',
    `REJECTED ${BAD}: Invalid path /19/65535: object instance id 65535 is not in 0..65534`,
  ],
  [
    "createMandatory",
    "§5.4",
    'Create {"id":"/19/2","value":{"1":1}}',
    `FAILED ${BAD}: Resource id=0 is mandatory. The value of this resource must not be null.`,
  ],
  [
    "createWithoutId",
    "§5.4",
    'Create {"id":"/19","value":{"0":{"0":"00"}}}',
    `FAILED ${BAD}: Missing object instance id for CREATE request (/19) using SENML_JSON(110) content format. Name the instance in 'id': /19/<instance>`,
    ONLY_SENML_JSON,
  ],
  [
    "createWithoutId",
    "§5.4",
    'Create {"id":"/19","value":{"0":{"0":"00"}},"contentFormat":"SENML_CBOR"}',
    `FAILED ${BAD}: Missing object instance id for CREATE request (/19) using SENML_CBOR(112) content format. Name the instance in 'id': /19/<instance>`,
  ],
  [
    "deleteTarget",
    "§7",
    'Delete {"id":"/19_1.1"}',
    `REJECTED ${BAD}: Invalid path /19 : Only object instances can be delete`,
  ],
  [
    "deleteTarget",
    "§7",
    'Delete {"id":"/19/0/0"}',
    `REJECTED ${BAD}: Invalid path /19/0/0 : Only object instances can be delete`,
  ],
  ["noNodes", "§5.5", 'WriteComposite {"nodes":{}}', `REJECTED ${BAD}: nodes: {} is not validate value`],
  ["noNodes", "§5.5", "WriteComposite {}", `REJECTED ${BAD}: nodes: null is not validate value`],
  ...['{"/3_1.2":{}}', '{"/3/0":{"x":1}}', '{"/3/0":{}}', '{"/3/0":5}', '{"/3/0/14":{"0":"x"}}'].map(
    (nodes): Row => [
      "badNodes",
      "§5.5",
      `WriteComposite {"nodes":${nodes}}`,
      expect.stringMatching(
        /^REJECTED BAD_REQUEST: nodes: \{.*\} is not validate value\. The WriteComposite operation is only used for SingleResources or\/and ResourceInstance\.$/,
      ),
    ],
  ),
  [
    "badNodeType",
    "§5.5",
    'WriteComposite {"nodes":{"/3/0/14":["x"]}}',
    `REJECTED ${BAD}: Unsupported type: ArrayList. The value of /3/0/14 must be a string, a number or a boolean.`,
  ],
  [
    "badNodeType",
    "§5.5",
    'WriteComposite {"nodes":{"/19/0":{"0":{"0":{}}}}}',
    `REJECTED ${BAD}: Unsupported type: LinkedHashMap. The value of /19/0/0/0 must be a string, a number or a boolean.`,
  ],
  [
    "nullNode",
    "§5.5",
    'WriteComposite {"nodes":{"UtfOffset":null}}',
    `REJECTED ${BAD}: The value of this resource must not be null. Give UtfOffset a value.`,
  ],
  [
    "badNodeNumber",
    "§5.5",
    'WriteComposite {"nodes":{"/1/0/2":"abc"}}',
    `FAILED ${BAD}: For input string: "abc". The value of /1/0/2 must be INTEGER.`,
  ],
  [
    "executeTarget",
    "§7",
    'Execute {"id":"/3/0"}',
    `REJECTED ${BAD}: Invalid path /3/0 : Only resource can be executed.`,
  ],
  [
    "executeNoModel",
    "§5.7",
    'Execute {"id":"/31024/0/1"}',
    `FAILED ${BAD}: ResourceModel with /31024/0/1 is absent in the system. Need to add Model with id= 31024  ver=1.0  to profile.`,
  ],
  ["notExecutable", "§5.7", 'Execute {"id":"/3/0/9"}', `FAILED ${BAD}: Resource with /3/0/9 is not executable.`],
  [
    "executeArgumentType",
    "§5.7",
    'Execute {"id":"/3/0/5","value":[1]}',
    `REJECTED ${BAD}: Unsupported parameter type: ArrayList. Only simple types (String, Integer, Boolean, etc.) are allowed for Execute arguments.`,
  ],
  ...[
    ["\"'60'\"", "['60'] : Invalid digit ['] (an integer between 0 and 9 is expected)"],
    ["60", "[60] : [,] separator expected at index 1 after [6]"],
    [
      '"0,1,2,3,4,5,6,7,8,9,60"',
      "[0,1,2,3,4,5,6,7,8,9,60] : [,] separator expected at index 21 after [0,1,2,3,4,5,6,7,8,9,6]",
    ],
    ['"0,0"', "[0,0] : Unable to build Arguments : digit [0] exists more than once "],
    ["\"0='a b'\"", "[0='a b'] : Invalid Argument value [a b] for digit [0] "],
    ['"0=\\"a\\""', `[0="a"] : opening quote ['] is expected at index 2 after [0=]`],
    ['"5,"', "[5,] : unexpected EOF, expected argument after 5,"],
    ['"0=\'x"', "[0='x] : Argument value must end with quote[']."],
  ].map(
    ([value, inner]): Row => [
      "executeArguments",
      "§5.7",
      `Execute {"id":"/3/0/5","value":${value}}`,
      `REJECTED ${BAD}: Invalid Execute request : [Unable to parse Arguments ${inner}]`,
    ],
  ),
  [
    "missingAttributes",
    "§5.8",
    'WriteAttributes {"id":"/3/0/9"}',
    `REJECTED ${BAD}: Attributes to write are not specified!`,
  ],
  ...["dim", "ssid", "uri", "ver", "lwm2m"].map(
    (name): Row => [
      "notNotificationAttribute",
      "§5.8",
      `WriteAttributes {"id":"/3/0/9","attributes":{"${name}":"1.1"}}`,
      `REJECTED ${BAD}: Attribute ${name} is of class PROPERTIES but only NOTIFICATION attribute can be used in WRITE ATTRIBUTE request.`,
    ],
  ),
  [
    "badDimension",
    "§5.8",
    'WriteAttributes {"id":"/3/0/9","attributes":{"dim":256}}',
    `REJECTED ${BAD}: 'Dimension' attribute value must be between [0-255]`,
  ],
  [
    "badVersion",
    "§5.8",
    'WriteAttributes {"id":"/3/0/9","attributes":{"ver":"abc"}}',
    `REJECTED ${BAD}: version (abc) MUST be composed of 2 parts`,
  ],
  ...["pmin", "pmax", "epmin", "epmax", "st", "hqmax"].map(
    (name): Row => [
      "invalidAttributes",
      "§5.8",
      `WriteAttributes {"id":"/3/0/9","attributes":{"${name}":-1}}`,
      `REJECTED ${BAD}: '${name}' attribute value must not be negative`,
    ],
  ),
  ...[
    [
      "/3/0",
      '{"st":1}',
      "st attribute is only applicable to [RESOURCE, RESOURCE_INSTANCE], and so can not be attached to /3/0",
    ],
    ["/3/0/9", '{"pmin":2,"pmax":1}', "Attributes doesn't fulfill 'pmin'<= 'pmax' condition"],
    ["/3/0/9", '{"epmin":2,"epmax":1}', "Attributes doesn't fulfill 'epmin'<= 'epmax' condition"],
    ["/3/0/9", '{"lt":2,"gt":2}', "Attributes doesn't fulfill 'lt' < 'gt' condition"],
    ["/3/0/9", '{"lt":1,"gt":3,"st":1}', "Attributes doesn't fulfill ('lt' + 2*'st') < 'gt' condition"],
  ].map(
    ([path, attributes, reason]): Row => [
      "invalidAttributes",
      "§5.8",
      `WriteAttributes {"id":"${path}","attributes":${attributes}}`,
      `REJECTED ${BAD}: Some attributes are not valid for the path ${path}. ${reason}`,
    ],
  ),
];

/** Refusals that hang on the observations there are. */
const OBSERVATION_ROWS: readonly (readonly [
  refusal: keyof typeof REFUSALS,
  section: string,
  existing: string,
  wanted: string,
  error: string | undefined,
])[] = [
  [
    "observationConflict",
    "§8",
    "/19/0/0",
    "/19/0",
    "Resource [/19/0] conflict with is already registered as SingleObservation [/19/0/0].",
  ],
  [
    "observationConflict",
    "§8",
    "/3",
    "/3/0/9",
    "Resource [/3/0/9] conflict with is already registered as SingleObservation [/3].",
  ],
  [
    "registeredComposite",
    "§8",
    "[/5/0/7 /3/0/9]",
    "/5/0/7",
    "Resource [/5/0/7] is already registered in CompositeObservation.",
  ],
  ["registeredComposite", "§8", "[/5/0/7]", "/5/0", "Resource [/5/0] is already registered in CompositeObservation."],
  [
    "registeredComposite",
    "§8",
    "[/5/0/7 /3/0/9]",
    "[/1/0 /3/0/9]",
    "Resource [/3/0/9] is already registered in CompositeObservation.",
  ],
  [
    "registeredSingle",
    "§8",
    "/3/0/9",
    "[/3/0/14 /3/0/9]",
    "Resource [/3/0/9] is already registered as SingleObservation.",
  ],
  [
    "observationConflict",
    "§8",
    "/3/0/9",
    "[/3/0]",
    "Resource [/3/0] conflict with is already registered as SingleObservation [/3/0/9].",
  ],
];

/** Local requests whose observation is not there: the transport finds that out. */
const CANCEL_ROWS = [
  [
    "noActiveObservation",
    REFUSALS.noActiveObservation("/3_1.2"),
    "Could not find active Observe component with path: /3_1.2",
  ],
  [
    "noActiveCompositeObservation",
    REFUSALS.noActiveCompositeObservation(["/5_1.2/0", "/19_1.1/1/0/0"]),
    "Could not find active Observe Composite component with paths: [/5_1.2/0, /19_1.1/1/0/0]",
  ],
  [
    "tooManyObservations",
    REFUSALS.tooManyObservations(64),
    "The device has 64 observations by RPC, which is the most: cancel one first, or observe several paths in one by ObserveComposite",
  ],
] as const;

const READ: Operation = { type: "read", path: [3, 0, 9] };
const READ_COMPOSITE: Operation = { type: "readComposite", paths: [[3, 0, 9], [1]] };
const unexpected = (reason: UnexpectedResponseError["reason"]) =>
  new UnexpectedResponseError("", { reason, responseCode: 204, contentFormat: 40 });
const OPTIONS = { formatTime: createTimeFormat("UTC"), compat: "seed" } as const;

/** What came of requests that were sent, or could not be. */
const FAILURE_ROWS: readonly (readonly [
  failure: keyof typeof FAILURES,
  section: string,
  answer: { readonly status: string; readonly result: string; readonly error?: string },
  expected: string,
])[] = [
  ["timeout", "§7", formatNoAnswer(READ, "timeout"), "TIMEOUT : Request /3/0/9 timed out"],
  ["reset", "§7", formatNoAnswer(READ, "reset"), "FAILED INTERNAL_SERVER_ERROR: Request /3/0/9 rejected"],
  ["reset", "§7", formatNoAnswer(READ_COMPOSITE, "reset"), "FAILED INTERNAL_SERVER_ERROR: Request /3/0/9, /1 rejected"],
  ["cancelled", "§7", formatNoAnswer(READ, "cancelled"), "CANCELLED INTERNAL_SERVER_ERROR: Request /3/0/9 cancelled"],
  [
    "notConnected",
    "§7",
    formatNoAnswer(READ, "notConnected"),
    "FAILED INTERNAL_SERVER_ERROR: Unable to send request /3/0/9 : peer is not connected",
  ],
  ["notSent", "§7", formatNoAnswer(READ, "notSent"), "FAILED INTERNAL_SERVER_ERROR: Unable to send request /3/0/9"],
  [
    "unexpectedCode",
    "§7",
    formatUnexpectedResponse(READ, "meter", unexpected("code")),
    "FAILED INTERNAL_SERVER_ERROR: Client [meter] returned unexpected response code [2.04] for [ReadRequest /3/0/9]",
  ],
  [
    "unexpectedFormat",
    "§7",
    formatUnexpectedResponse(READ, "meter", unexpected("contentFormat")),
    "FAILED INTERNAL_SERVER_ERROR: Client [meter] returned unexpected content format [40] for [ReadRequest /3/0/9]",
  ],
  [
    "undecodable",
    "§7",
    formatUnexpectedResponse(READ_COMPOSITE, "meter", unexpected("payload")),
    "FAILED INTERNAL_SERVER_ERROR: Unable to decode response payload of request [ReadCompositeRequest /3/0/9, /1] from client [meter]",
  ],
  [
    "unencodable",
    "§7",
    formatUnencodable(READ_COMPOSITE, "text cannot carry NaN"),
    "FAILED BAD_REQUEST: Unable to encode request [ReadCompositeRequest /3/0/9, /1]: text cannot carry NaN",
  ],
  ["unnamedCode", "§6.1", formatOutcome(READ, { code: 501 }, OPTIONS), "FAILED UNKNOWN: 5.01"],
];

function paths(text: string): { paths: number[][]; composite: boolean } {
  const all = text.replace(/[[\]]/g, "").split(" ");
  return { paths: all.map((path) => path.split("/").slice(1).map(Number)), composite: text.startsWith("[") };
}

function answerOf({ status, result, error }: Refusal): string {
  return `${status} ${result}: ${error}`;
}

describe("every failure of the RPC specification", () => {
  it.each(
    ROWS.map(([refusal, section, request, answer, device = FT]) => {
      return { refusal, section, title: request.slice(0, 120), request, answer, device };
    }),
  )("$section $refusal: $title", ({ request, answer, device }) => {
    const { method, params } = parseTerminalLine(request);
    const built = buildOperation(method, params, device);
    expect(built.type === "refused" ? answerOf(built) : built).toEqual(answer);
  });

  it.each(OBSERVATION_ROWS)("%s %s: with %s observed, %s is refused", (_, __, existing, wanted, error) => {
    expect(findObservationConflict([paths(existing)], paths(wanted))).toMatchObject({ status: "FAILED", error });
  });

  it.each(CANCEL_ROWS)("§7 %s", (_, refusal, error) => {
    expect(refusal).toMatchObject({ status: "FAILED", result: "BAD_REQUEST", error });
  });

  it.each(FAILURE_ROWS)("%s %s", (_, __, { status, result, error }, expected) => {
    expect(`${status} ${result}: ${error}`).toBe(expected);
  });

  it("has a row", () => {
    const rows = new Set<string>([...ROWS, ...OBSERVATION_ROWS, ...CANCEL_ROWS].map(([refusal]) => refusal));
    expect(Object.keys(REFUSALS).filter((refusal) => !rows.has(refusal))).toEqual([]);
    const failures = new Set<string>(FAILURE_ROWS.map(([failure]) => failure));
    expect(Object.keys(FAILURES).filter((failure) => !failures.has(failure))).toEqual([]);
  });
});
