import type { OperationOutcome } from "@ferry/lwm2m";
import type { LeshanEvent, LeshanValue } from "@ferry/testing";
import { expect } from "@jest/globals";

export type Requested = Extract<LeshanEvent, { readonly event: "requested" }>;
export type Result = { readonly result: string; readonly value?: unknown; readonly error?: unknown };

/** What goes before a request, and what the device gets of it. */
export interface Circumstances {
  /** Values that the device has, by path. */
  readonly has?: Readonly<Record<string, LeshanValue>>;
  /** Requests that were answered before. */
  readonly after?: readonly string[];
  /** The request that reaches the device. */
  readonly asked?: Partial<Requested>;
  /** Values that the device takes, by path. */
  readonly takes?: Readonly<Record<string, LeshanValue>>;
  /** What a device answers, where the tests have none that would. */
  readonly says?: OperationOutcome;
  /** The answer under `compat: now`, where it is another. */
  readonly now?: Result;
}

/** A row: its number, the request as in the terminal, the answer, and the circumstances. */
export type Row = readonly [row: string, request: string, answer: Result, circumstances?: Circumstances];

const content = (value: unknown): Result => ({ result: "CONTENT", value });
const contains = (...texts: string[]): Result =>
  content(expect.stringMatching(new RegExp(texts.map((text) => `(?=.*${RegExp.escape(text)})`).join(""), "s")));
const hexOf = (text: string): string => Buffer.from(text).toString("hex");
const CHANGED: Result = { result: "CHANGED" };
/** The bytes that the first instance of /19/0/0 takes. */
const data = (hex: string): Circumstances => ({ takes: { "/19/0/0": { "0": hex } } });
const refused = (error: unknown): Result => ({ result: "BAD_REQUEST", error });
const unknownMethod = (method: string): Result => ({
  result: "METHOD_NOT_ALLOWED",
  error: `Unsupported operation type: ${method}`,
});
const single = (id: number, value: unknown, type: string): string =>
  `LwM2mSingleResource [id=${id}, value=${value}, type=${type}]`;

const linked = (links: string): OperationOutcome => ({ code: 205, links });
/** Links of the black-box device after its Write-Attributes. */
const DEVICE_LINKS =
  "</3>;ver=1.2,</3/0>;pmax=65;pmin=5,</3/0/6>;dim=3,</3/0/7>;gt=50;lt=42.2;st=0.5;dim=3,</3/0/11>;dim=1";
const observing = (paths: string): string[] => paths.split(" ").map((id) => `Observe {"id":"${id}"}`);

const DEVICE_RESOURCES = [
  single(0, "Thingsboard Test Device", "STRING"),
  single(1, "Model 500", "STRING"),
  single(2, "TH-500-000-0001", "STRING"),
  single(3, "TestThingsboard@TestMore1024_2.04", "STRING"),
  single(6, 1, "INTEGER"),
  single(7, 96, "INTEGER"),
  single(8, 37, "INTEGER"),
  single(9, 75, "INTEGER"),
  single(10, 110673, "INTEGER"),
  "LwM2mMultipleResource [id=11, values={0=LwM2mResourceInstance [id=0, value=1, type=INTEGER]}, type=INTEGER]",
  single(13, "Thu Jul 01 16:39:49 EEST 2021", "TIME"),
  single(14, "+03", "STRING"),
  single(15, "Europe/Kiev", "STRING"),
  single(16, "U", "STRING"),
  single(17, "smart meters", "STRING"),
  single(18, "1.01", "STRING"),
  single(19, "1.02", "STRING"),
  single(20, 2, "INTEGER"),
  single(21, 256000, "INTEGER"),
].map((text) => `${/id=(\d+)/.exec(text)?.[1]}=${text}`);

/** Leshan's client as the device of the reference page. */
export const SEED_ROWS: readonly Row[] = [
  ["S4", 'Read {"id":"/3/0"}', content(`LwM2mObjectInstance [id=0, resources={${DEVICE_RESOURCES.join(", ")}}]`)],
  [
    "S17",
    'ReadComposite {"ids":["/3/0/9", "/1_1.2"]}',
    content(
      `{/3/0/9=${single(9, 75, "INTEGER")}, /1=LwM2mObject [id=1, instances={0=LwM2mObjectInstance [id=0, resources={0=${single(0, 123, "INTEGER")}, 1=${single(1, 300, "INTEGER")}, 6=${single(6, false, "BOOLEAN")}, 22=${single(22, "U", "STRING")}, 7=${single(7, "U", "STRING")}}]}]}`,
    ),
    {
      has: { "/3/0/9": 75 },
      now: contains(
        `7=${single(7, "U", "STRING")}, 22=${single(22, "U", "STRING")}}]}], /3/0/9=${single(9, 75, "INTEGER")}}`,
      ),
    },
  ],
  ["S1", 'Read {"id":"/3/0/9"}', content(single(9, 100, "INTEGER")), { has: { "/3/0/9": 100 } }],
  ["S2", 'Read {"id":"/3_1.0/0/9"}', content(single(9, 20, "INTEGER")), { has: { "/3/0/9": 20 } }],
  ["S3", 'Read {"key":"batteryLevel"}', content(single(9, 27, "INTEGER")), { has: { "/3/0/9": 27 } }],
  [
    "S8",
    'Discover {"id":"/3/0/1"}',
    content("</3/0/1>"),
    { asked: { method: "GET", path: "/3/0/1", accept: 40 }, says: linked("</3/0/1>") },
  ],
  ["S9", 'Discover {"key":"batteryLevel"}', content("</3/0/9>"), { says: linked("</3/0/9>") }],
  [
    "S10",
    'WriteUpdate {"id":"/3/0","value":{"14":"+5","15":"Kiyv/Europe"}}',
    CHANGED,
    { asked: { method: "POST", path: "/3/0" }, takes: { "/3/0/14": "+5", "/3/0/15": "Kiyv/Europe" } },
  ],
  [
    "S11",
    'WriteUpdate {"id":"/19/0","value":{"0":{"0":"00ad456756","25":"25ad456756"}}}',
    CHANGED,
    { asked: { method: "POST", path: "/19/0" }, takes: { "/19/0/0": { "0": "00ad456756", "25": "25ad456756" } } },
  ],
  [
    "S12",
    'WriteUpdate {"id":"/19/0/0","value":{"0":"00ad456756","25":"25ad456756"}}',
    CHANGED,
    { asked: { method: "POST", path: "/19/0/0" }, takes: { "/19/0/0": { "0": "00ad456756", "25": "25ad456756" } } },
  ],
  [
    "S13",
    'WriteReplace {"id":"/19/0/0","value":"0081"}',
    CHANGED,
    { asked: { method: "PUT", path: "/19/0/0" }, takes: { "/19/0/0": { "0": "0081" } } },
  ],
  [
    "S14",
    'WriteReplace {"key":"timezone","value":"+10"}',
    CHANGED,
    { asked: { method: "PUT", path: "/3/0/14" }, takes: { "/3/0/14": "+10" } },
  ],
  [
    "S16",
    'WriteAttributes {"id":"/19/0/0","attributes":{"pmax":120, "pmin":10}}',
    CHANGED,
    { asked: { method: "PUT", path: "/19/0/0", query: "pmax=120&pmin=10", payload: "" } },
  ],
  ["S22", 'Execute {"id":"5/0/2"}', CHANGED, { asked: { method: "POST", path: "/5/0/2", payload: "" } }],
  ["S24", 'Observe {"id":"/3/0/9"}', content(single(9, 28, "INTEGER")), { has: { "/3/0/9": 28 } }],
  [
    "S25",
    'Observe {"id":"/3/0"}',
    content(
      expect.stringContaining(
        "13=LwM2mSingleResource [id=13, value=Wed Jul 31 22:49:45 EET 1940, type=TIME], 14=LwM2mSingleResource [id=14, value=+5, type=STRING]",
      ),
    ),
    {
      has: { "/3/0/13": "1940-07-31T20:49:45Z", "/3/0/14": "+5", "/3/0/15": "Kiyv/Europe" },
      after: ['ObserveCancel {"id":"/3/0/9"}'],
    },
  ],
  ["S26", 'ObserveCancel {"id":"/5/0/7"}', content("1"), { after: ['Observe {"id":"/5/0/7"}'] }],
  ["S27", 'ObserveCancel {"key":"updateResult"}', content("1"), { after: ['Observe {"key":"updateResult"}'] }],
  ["C1", 'read {"id":"/3/0/9"}', unknownMethod("read")],
  ["C1", "FirmwareUpdate {}", unknownMethod("FirmwareUpdate")],
  ["C1", "ReadDiscover {}", unknownMethod("ReadDiscover")],
  ["C2", "Read {}", refused("Can't find 'key' or 'id' in the requestParams parameters!")],
  ["C2", 'Read {"id":""}', refused("Can't find 'key' or 'id' in the requestParams parameters!")],
  ["C3", 'Read "abc"', refused('The given string value cannot be transformed to Json object: "abc"')],
  ["C4", "Read", refused("Can't find 'key' or 'id' in the requestParams parameters!")],
  ["C5", 'Read {"key":"nope"}', refused("nope is not configured in the device profile!")],
  [
    "C10",
    'Read {"id":"3"}',
    content(expect.stringMatching(/^LwM2mObject \[id=3, instances=\{0=LwM2mObjectInstance \[id=0, resources=\{0=/)),
  ],
  ["C12", 'Read {"id":"/3303/0/5700"}', content(single(5700, "23.0", "FLOAT")), { has: { "/3303/0/5700": 23 } }],
  ["C13", 'Read {"id":"/3303/0/5700"}', content(single(5700, "1.0E10", "FLOAT")), { has: { "/3303/0/5700": 1e10 } }],
  ["C13", 'Read {"id":"/3303/0/5700"}', content(single(5700, "1.0E-5", "FLOAT")), { has: { "/3303/0/5700": 1e-5 } }],
  [
    "C15",
    'Read {"id":"/19/0/0"}',
    content("LwM2mMultipleResource id=0 values={ id=0 value=00ad,  id=25 value=25} type=OPAQUE"),
    { has: { "/19/0/0": { "0": "00ad", "25": "25" } } },
  ],
  [
    "C22",
    'WriteReplace {"id":"/1/0/2","value":2147483648}',
    CHANGED,
    { asked: { method: "PUT" }, takes: { "/1/0/2": 2_147_483_648 } },
  ],
  [
    "C23",
    'WriteReplace {"id":"/1/0/2","value":"abc"}',
    refused(
      "Resource id=/1/0/2, value = abc, class = String. Format value is bad. Value for this Single Resource must be INTEGER!",
    ),
  ],
  [
    "C32",
    'WriteReplace {"id":"/19/0/0","value":{"0":"12345678"}}',
    CHANGED,
    { takes: { "/19/0/0": { "0": "12345678" } } },
  ],
  ["C33", 'WriteReplace {"id":"/19/0/0","value":{"0":"25"}}', CHANGED, { takes: { "/19/0/0": { "0": "25" } } }],

  [
    "S6",
    "DiscoverAll",
    contains(
      '[{"url":"/","attributes":{',
      '{"url":"/1","attributes":{"ver":"1.1"}},{"url":"/1/0","attributes":{}}',
      '{"url":"/31024/12","attributes":{}}',
    ),
    { now: contains('["</>;', '"</1>;ver=1.1","</1/0>"', '"</31024/12>"]') },
  ],
  [
    "S18",
    'ReadComposite {"keys":["state", "updateResult", "pkgversion", "batteryLevel"]}',
    content(
      `{/5/0/7=${single(7, "", "STRING")}, /5/0/5=${single(5, 0, "INTEGER")}, /5/0/3=${single(3, 0, "INTEGER")}, /3/0/9=${single(9, 81, "INTEGER")}}`,
    ),
    {
      has: { "/3/0/9": 81 },
      now: content(
        `{/3/0/9=${single(9, 81, "INTEGER")}, /5/0/3=${single(3, 0, "INTEGER")}, /5/0/5=${single(5, 0, "INTEGER")}, /5/0/7=${single(7, "", "STRING")}}`,
      ),
    },
  ],
  [
    "S19",
    'ReadComposite {"ids":["/3/0", "/1_1.2/0"]}',
    content(
      expect.stringMatching(
        /^\{\/3\/0=LwM2mObjectInstance \[id=0, resources=\{.*\}\], \/1\/0=LwM2mObjectInstance \[id=0, resources=\{.*\}\]\}$/,
      ),
    ),
    {
      now: content(
        expect.stringMatching(
          /^\{\/1\/0=LwM2mObjectInstance .*, \/3\/0=LwM2mObjectInstance \[id=0, resources=\{.*\}\]\}$/,
        ),
      ),
    },
  ],
  [
    "S20",
    'WriteComposite {"nodes":{"/3/0/14":"+04", "/1/0/2":100, "/5/0/1":"coap://localhost:5685"}}',
    CHANGED,
    { takes: { "/3/0/14": "+04", "/1/0/2": 100, "/5/0/1": "coap://localhost:5685" } },
  ],
  [
    "S21",
    'WriteComposite {"nodes":{"timezone":"+04", "defaultMinimumPeriod":100, "packageUri":"coap://localhost:5685"}}',
    CHANGED,
    { takes: { "/3/0/14": "+04", "/1/0/2": 100, "/5/0/1": "coap://localhost:5685" } },
  ],
  [
    "S28",
    "ObserveCancelAll",
    content("8"),
    { after: ["ObserveCancelAll", ...observing("/3/0/0 /3/0/1 /3/0/2 /3/0/3 /3/0/9 /5/0/3 /5/0/5 /5/0/7")] },
  ],
  [
    "S29",
    "ObserveReadAll",
    content('["/3/0/3","/5/0/3","/5/0/5","/5/0/7"]'),
    {
      after: ["ObserveCancelAll", ...observing("/5/0/7 /3/0/3 /5/0/3 /5/0/5")],
      now: content(
        '["SingleObservation:/3/0/3","SingleObservation:/5/0/3","SingleObservation:/5/0/5","SingleObservation:/5/0/7"]',
      ),
    },
  ],
  [
    "C16",
    'ReadComposite {"ids":["/19/0/0"]}',
    content("LwM2mMultipleResource key=/19/0/0 values={ id=0 value=00ad,  id=25 value=25} type=OPAQUE"),
    { has: { "/19/0/0": { "0": "00ad", "25": "25" } } },
  ],
  [
    "S23",
    'Delete {"id":"/19/1"}',
    { result: "DELETE" },
    { asked: { method: "DELETE", path: "/19/1", payload: "" }, now: { result: "DELETED" } },
  ],
];

/** Leshan's client as the device of ThingsBoard's black-box tests. */
export const BLACK_BOX_ROWS: readonly Row[] = [
  [
    "S15",
    'WriteReplace {"id":"/19_1.1/0/0","value":{"0":"00ad456797","25":"25ad456700"}}',
    CHANGED,
    { asked: { method: "PUT", path: "/19/0/0" }, takes: { "/19/0/0": { "0": "00ad456797", "25": "25ad456700" } } },
  ],
  ["S30", 'Read {"id":"/3/0/9"}', content(single(9, 42, "INTEGER"))],
  ["C6", 'Read {"key":"batteryLevel","id":"/3_1.2/0/14"}', content(single(9, 42, "INTEGER"))],
  ["C7", 'Read {"id":"3_1.2/0/9"}', content(single(9, 42, "INTEGER"))],
  ["C8", 'Read {"id":"/a/0"}', refused("Invalid path /a/0: object id a is not in 0..65535")],
  [
    "C9",
    'Read {"id":"/3_1.0/0/9"}',
    refused("Specified resource id /3_1.0/0/9 is not valid version! Must be version: 1.2"),
  ],
  ["C11", 'Read {"id":"/3_1.2/0/99"}', { result: "NOT_FOUND" }],
  [
    "C27",
    'WriteReplace {"id":"/3_1.2/0/13","value":1625146789000}',
    CHANGED,
    { takes: { "/3/0/13": "2021-07-01T13:39:49Z" } },
  ],
  [
    "C28",
    'WriteUpdate {"id":"/3_1.2/0","value":{"13":1625146789}}',
    CHANGED,
    { takes: { "/3/0/13": "2021-07-01T13:39:49Z" } },
  ],
  [
    "C29",
    'WriteReplace {"id":"/3_1.2/0/13","value":1625146789}',
    CHANGED,
    { takes: { "/3/0/13": "2021-07-01T13:39:49Z" } },
  ],
  [
    "C39",
    'WriteReplace {"id":"/3_1.2/0","value":{}}',
    refused("Resource /3_1.2/0. This operation can only be used for Resource or ResourceInstance!"),
  ],
  [
    "C40",
    'WriteReplace {"id":"/3_1.2/0/99","value":1}',
    refused("Resource /3_1.2/0/99 is not configured in the device profile!"),
  ],
  [
    "C41",
    'WriteUpdate {"id":"/3_1.2/0/14","value":"x"}',
    refused("Resource /3_1.2/0/14. This operation can only be used for ObjectInstance or Multi-Instance Resource !"),
  ],
  ["B1", 'Read {"id":"/3_1.2"}', contains("LwM2mObject [id=3, instances={0=LwM2mObjectInstance [id=0, resources=")],
  // Object 5 is 1.1 here: the registry has no 1.2, and composite operations do not compare versions.
  ["B2", 'Read {"id":"/5_1.1/0"}', contains("LwM2mObjectInstance [id=0, resources={")],
  [
    "B7",
    'ReadComposite {"ids":["/1/0/1","/1/0/2","/3_1.2/0"]}',
    contains("/1/0/1=LwM2mSingleResource [id=1, value=", "/1/0/2=null", "/3/0=LwM2mObjectInstance [id=0, resources={"),
  ],
  [
    "B8",
    'ReadComposite {"keys":["batteryLevel","UtfOffset","dataRead","dataWrite"]}',
    contains(
      ...["/19/0/0", "/19/1/0"].map(
        (path) =>
          `${path}=LwM2mMultipleResource [id=0, values={0=LwM2mResourceInstance [id=0, value=1Bytes, type=OPAQUE]`,
      ),
    ),
    { has: { "/19/0/0": { "0": "ac" }, "/19/1/0": { "0": "ac" } } },
  ],
  ["B4", 'Read {"id":"/3_1.2/0/14"}', content(single(14, "+02", "STRING"))],
  ["B5", 'Read {"key":"UtfOffset"}', content(single(14, "+02", "STRING"))],
  ["B10", 'WriteReplace {"id":"/3_1.2/0/14","value":"+12"}', CHANGED, { takes: { "/3/0/14": "+12" } }],
  ["B10", 'Read {"id":"/3_1.2/0/14"}', content(single(14, "+12", "STRING"))],
  ["B11", 'WriteReplace {"key":"UtfOffset","value":"+09"}', CHANGED, { takes: { "/3/0/14": "+09" } }],
  ["B11", 'Read {"key":"UtfOffset"}', content(single(14, "+09", "STRING"))],
  ["B13", 'WriteReplace {"id":"/19_1.1/0/0/0","value":"QUJDREVGRw"}', CHANGED, data("41424344454647")],
  ["B13", 'Read {"id":"/19_1.1/0/0/0"}', content("LwM2mResourceInstance [id=0, value=7Bytes, type=OPAQUE]")],
  ["B14", 'WriteReplace {"id":"/19_1.1/0/0/0","value":"ABCDEFG"}', CHANGED, data("0010831051")],
  ["B16", 'WriteReplace {"id":"/19_1.1/0/0/0","value":1234566}', CHANGED, data("0012d686")],
  ["B16", 'WriteReplace {"id":"/19_1.1/0/0/0","value":2147483647}', CHANGED, data("7fffffff")],
  ["B16", 'WriteReplace {"id":"/19_1.1/0/0/0","value":-2147483648}', CHANGED, data("80000000")],
  ["B17", 'WriteReplace {"id":"/19_1.1/0/0/0","value":4406483977}', CHANGED, data("0000000106a59c09")],
  ["B17", 'WriteReplace {"id":"/19_1.1/0/0/0","value":9223372036854775807}', CHANGED, data("7fffffffffffffff")],
  ["B17", 'WriteReplace {"id":"/19_1.1/0/0/0","value":-9223372036854775808}', CHANGED, data("8000000000000000")],
  ["B19", 'WriteReplace {"id":"/19_1.1/0/0/0","value":1.7976931348623157E308}', CHANGED, data("7fefffffffffffff")],
  ["B19", 'WriteReplace {"id":"/19_1.1/0/0/0","value":4.9E-324}', CHANGED, data("0000000000000001")],
  [
    "B20",
    'WriteReplace {"id":"/19_1.1/0/0","value":{"0":"1525ad45675600cdef","15":2147483647}}',
    CHANGED,
    { takes: { "/19/0/0": { "0": "1525ad45675600cdef", "15": "7fffffff" } } },
  ],
  [
    "B23",
    'WriteUpdate {"id":"/3_1.2/0","value":{"14":"+5","15":"Kiyv/Europe"}}',
    CHANGED,
    { takes: { "/3/0/14": "+5", "/3/0/15": "Kiyv/Europe" } },
  ],
  ["B29", 'Execute {"id":"/9_1.1/0/4"}', CHANGED, { asked: { method: "POST", path: "/9/0/4", payload: "" } }],
  ["B29", 'Execute {"id":"/3_1.2/0/4"}', CHANGED, { asked: { method: "POST", path: "/3/0/4", payload: "" } }],
  ["B31", 'Execute {"id":"/3_1.2/0/4","value":5}', CHANGED, { asked: { payload: hexOf("5") } }],
  ["B32", `Execute {"id":"/3_1.2/0/5","value":"2='60'"}`, CHANGED, { asked: { payload: hexOf("2='60'") } }],
  [
    "B34",
    'Execute {"id":"/3_1.2/0/5","value":"0,1,2,3,4,5,6,7,8,9"}',
    CHANGED,
    { asked: { payload: hexOf("0,1,2,3,4,5,6,7,8,9") } },
  ],
  [
    "B35",
    `Execute {"id":"/3_1.2/0/5","value":"'60'"}`,
    refused(
      "Invalid Execute request : [Unable to parse Arguments ['60'] : Invalid digit ['] (an integer between 0 and 9 is expected)]",
    ),
  ],
  [
    "B40",
    'Execute {"id":"/50/0/3"}',
    refused("Specified object id 50 absent in the list supported objects of the client or is security object!"),
  ],
  [
    "B41",
    'Execute {"id":"/0_1.1/0/3"}',
    refused("Specified object id 0 absent in the list supported objects of the client or is security object!"),
  ],
  [
    "B52",
    'Discover {"id":"/19_1.1"}',
    content(expect.stringMatching(/^<\/19[^,]*(,<\/19[^,]*)*$/)),
    { says: linked("</19>;ver=1.1,</19/0>,</19/0/0>") },
  ],
  ["B53", 'Discover {"id":"/3303_1.0/0/5700"}', content("</3303/0/5700>"), { says: linked("</3303/0/5700>") }],
  ["B55", 'Discover {"id":"/3_1.2/0/6/1"}', refused("Discover request cannot target resource instance path: /3/0/6/1")],
  [
    "B56",
    'Discover {"id":"/3_1.2"}',
    contains("</3>;ver=1.2", "</3/0/6>;dim=3", "</3/0/11>;dim=1"),
    { says: linked(DEVICE_LINKS) },
  ],
  [
    "B58",
    'WriteAttributes {"id":"/3_1.2","attributes":{"ver":1.3}}',
    refused(
      "Attribute ver is of class PROPERTIES but only NOTIFICATION attribute can be used in WRITE ATTRIBUTE request.",
    ),
  ],
  ["B59", 'WriteAttributes {"id":"/3_1.2/0","attributes":{"pmax":65,"pmin":5}}', CHANGED],
  ["B59", 'WriteAttributes {"id":"/3_1.2/0/7","attributes":{"gt":50,"lt":42.2,"st":0.5}}', CHANGED],
  [
    "B59",
    'Discover {"id":"/3_1.2"}',
    contains("</3>;ver=1.2,</3/0>;pmax=65;pmin=5", "</3/0/7>;gt=50;lt=42.2;st=0.5;dim=3"),
    { says: linked(DEVICE_LINKS) },
  ],
  ["B61", 'Observe {"id":"/3_1.2/0/0"}', contains("LwM2mSingleResource [id=0")],
  ["B61", 'Observe {"id":"/3_1.2/0/0"}', contains("LwM2mSingleResource [id=0")],
  [
    "B62",
    'Observe {"id":"/3_32767.32767/0/13"}',
    refused("Specified resource id /3_32767.32767/0/13 is not valid version! Must be version: 1.2"),
  ],
  ["B65", 'Observe {"id":"/5/0/0"}', { result: "METHOD_NOT_ALLOWED" }],
  ["B65", 'Observe {"id":"/5/0/2"}', { result: "METHOD_NOT_ALLOWED" }],
  [
    "B67",
    'Observe {"id":"/19_1.1/0"}',
    refused("Resource [/19/0] conflict with is already registered as SingleObservation [/19/0/0]."),
    { after: ['Observe {"id":"/19_1.1/0/0"}'] },
  ],
  ["B68", 'Observe {"id":"/19_1.1/1"}', contains("LwM2mObjectInstance")],
  ["B73", 'ObserveCancel {"id":"/3_1.2"}', refused("Could not find active Observe component with path: /3_1.2")],

  [
    "B70",
    "ObserveReadAll",
    content('["/19/0/0"]'),
    { after: ["ObserveCancelAll", ...observing("/19_1.1/0/0")], now: content('["SingleObservation:/19/0/0"]') },
  ],
  ["B71", "ObserveReadAll", content("[]"), { after: ["ObserveCancelAll"] }],
  [
    "B74",
    'ObserveComposite {"ids":["/5_1.2/0/7", "/5_1.2/0/5", "/5_1.2/0/3", "/3_1.2/0/9", "/19_1.1/1/0/0"]}',
    contains("/5/0/7=LwM2mSingleResource", "/19/1/0/0=LwM2mResourceInstance"),
    { after: ["ObserveCancelAll"] },
  ],
  [
    "B79",
    'Observe {"id":"/5/0/7"}',
    refused("Resource [/5/0/7] is already registered in CompositeObservation."),
    { after: ["ObserveCancelAll", 'ObserveComposite {"ids":["/5/0/7","/5/0/5"]}'] },
  ],
  [
    "B82",
    'ObserveCompositeCancel {"ids":["/5_1.2/0","/19_1.1/1/0/0"]}',
    refused("Could not find active Observe Composite component with paths: [/5_1.2/0, /19_1.1/1/0/0]"),
    { after: ["ObserveCancelAll", 'ObserveComposite {"ids":["/5_1.2/0/7","/19_1.1/1/0/0"]}'] },
  ],
  [
    "cancelled in another order",
    'ObserveCompositeCancel {"ids":["/19_1.1/1/0/0","/5_1.2/0/7"]}',
    content("1"),
    { after: ["ObserveCancelAll", 'ObserveComposite {"ids":["/5_1.2/0/7","/19_1.1/1/0/0"]}'] },
  ],
  [
    "B76",
    'ObserveComposite {"ids":["/5_1.2/0/7","/5_1.2/0/2"]}',
    contains("/5/0/2=null"),
    { after: ["ObserveCancelAll"] },
  ],
  [
    "B77",
    'ObserveComposite {"ids":["/5_1.2/0","/5_1.2/0/2"]}',
    refused("Invalid path list :  /5/0 and /5/0/2 are overlapped paths"),
  ],
  [
    "B80",
    "ObserveReadAll",
    content(expect.stringMatching(/^\["CompositeObservation: \[\/\d+(\/\d+){2}(, \/\d+(\/\d+){2}){3}\]"\]$/)),
    {
      after: ["ObserveCancelAll", 'ObserveComposite {"keys":["batteryLevel","UtfOffset","dataRead","dataWrite"]}'],
    },
  ],
  [
    "C62",
    'Observe {"id":"/3_1.2/0/1"}',
    content(single(1, "Model 500", "STRING")),
    { after: ["ObserveCancelAll", 'ObserveComposite {"ids":["/3_1.2/0/14"]}'] },
  ],
  ["nothing is observed", "ObserveCancelAll", content("0"), { after: ["ObserveCancelAll"] }],
  [
    "B22",
    'WriteReplace {"id":"/19_1.1/0/0","value":{"0":"01234567890CABFF"}}',
    CHANGED,
    { takes: { "/19/0/0": { "0": "01234567890cabff" } } },
  ],
  [
    "B25",
    'WriteComposite {"nodes":{"/19_1.1/0":{"0":{"0":"00ad45675600","25":"25ad45675600cdef"}},"UtfOffset":"+04","/3_1.2/0/15":"Kiyv/Europe"}}',
    CHANGED,
  ],
  [
    "B25",
    'ReadComposite {"ids":["/19_1.1/0/0"]}',
    content(
      "LwM2mMultipleResource key=/19/0/0 values={ id=0 value=00ad45675600,  id=25 value=25ad45675600cdef} type=OPAQUE",
    ),
  ],
  [
    "B25",
    'ReadComposite {"keys":["UtfOffset"],"ids":["/3_1.2/0/15"]}',
    content(`{/3/0/14=${single(14, "+04", "STRING")}}`),
  ],
  ["B26", 'WriteComposite {"nodes":{"/19_1.1/0/0":{"0":"00ad45675600","25":"25ad45675600cdef"}}}', CHANGED],
  [
    "C42",
    'WriteUpdate {"id":"/19_1.1/0/0","value":"0081"}',
    refused(
      "Resource /19_1.1/0/0. This operation can only be used for ObjectInstance or Multi-Instance Resource ! Resource id=/19/0/0, class = String, value = 0081 is bad. Value of Multi-Instance Resource must be in Json format!",
    ),
  ],
  [
    "C43",
    'WriteUpdate {"id":"/3_1.2/0","value":{"99":1}}',
    refused(
      "Resource /3_1.2/0. This operation can only be used for ObjectInstance or Multi-Instance Resource ! No resources to update!",
    ),
  ],
  [
    "C44",
    'WriteUpdate {"id":"/3_1.2","value":{}}',
    refused("Resource /3_1.2. This operation can only be used for ObjectInstance or Resource (multiple)"),
  ],
  ["C45", 'WriteUpdate {"id":"/19_1.1/0","value":{"1":5}}', CHANGED, { takes: { "/19/0/1": 5 } }],
  ["C46", 'WriteUpdate {"id":"/3_1.2/0","value":null}', refused("The value of this resource must not be null.")],
  ["B43", 'Delete {"id":"/19_1.1/12"}', { result: "NOT_FOUND" }],
  ["B44", 'Delete {"id":"/19_1.1"}', refused("Invalid path /19 : Only object instances can be delete")],
  [
    "B47",
    'Create {"id":"/19_1.1/0","value":{"0":{"0":"00AC"},"1":1}}',
    refused("instance 0 already exists"),
    { says: { code: 400, diagnostic: "instance 0 already exists" } },
  ],
  [
    "B46",
    'Create {"id":"/19_1.1/12","value":{"0":{"0":"00AC"},"1":1}}',
    { result: "CREATED" },
    { asked: { method: "POST", path: "/19" } },
  ],
  ["B46", 'Read {"id":"/19_1.1/12"}', contains("LwM2mObjectInstance [id=12", "value=2Bytes", single(1, 1, "INTEGER"))],
  ...["/0_1.1/1", "/50/1"].map(
    (id): Row => [
      "B49",
      `Create {"id":"${id}","value":{"0":1}}`,
      refused(
        `Specified object id ${/\d+/.exec(id)} absent in the list supported objects of the client or is security object!`,
      ),
    ],
  ),
  ["B50", 'Create {"id":"/19_1.1/65533/","value":{"0":{"0":"eyJhIjoxfQ=="}}}', { result: "CREATED" }],
  [
    "B50",
    'Read {"id":"/19_1.1/65533"}',
    contains(
      "LwM2mObjectInstance [id=65533",
      "{0=LwM2mMultipleResource [id=0, values={0=LwM2mResourceInstance [id=0, value=7Bytes, type=OPAQUE]}",
    ),
  ],
  [
    "C47",
    'Create {"id":"/19_1.1","value":{"0":{"0":"00AC"}}}',
    { result: "CREATED", value: expect.stringMatching(/^location=19\/\d+$/) },
    { asked: { method: "POST", path: "/19", contentFormat: 11542 }, says: { code: 201, location: "19/2" } },
  ],
  [
    "C49",
    'Create {"id":"/19_1.1","nodes":{"5":{"0":{"0":"00AC"}},"6":{"0":{"0":"00AD"}}}}',
    { result: "CREATED" },
    { asked: { method: "POST", path: "/19" } },
  ],
  [
    "C49",
    'ReadComposite {"ids":["/19/5/0/0","/19/6/0/0"]}',
    contains("/19/5/0/0=LwM2mResourceInstance", "/19/6/0/0=LwM2mResourceInstance"),
  ],
  ["C50", 'Create {"id":"/19_1.1"}', refused("Path /19_1.1. Object must be Multiple !")],
  [
    "C51",
    'WriteComposite {"nodes":{"/3_1.2":{}}}',
    refused(
      "nodes: {/3_1.2={}} is not validate value. The WriteComposite operation is only used for SingleResources or/and ResourceInstance.",
    ),
  ],
  ["C52", 'WriteComposite {"nodes":{}}', refused("nodes: {} is not validate value")],
  ["C53", 'WriteComposite {"nodes":{"/3/0/14":"+04"}}', CHANGED, { takes: { "/3/0/14": "+04" } }],
  [
    "C56",
    'ReadComposite {"ids":["/3_1.2/0/9","3/0/9"]}',
    refused("Invalid path list :  /3/0/9 and /3/0/9 are overlapped paths"),
  ],
  [
    "C57",
    'Execute {"id":"/3_1.2/0/5","value":{"a":1}}',
    refused(
      "Unsupported parameter type: LinkedHashMap. Only simple types (String, Integer, Boolean, etc.) are allowed for Execute arguments.",
    ),
  ],
  [
    "C58",
    'Execute {"id":"/3_1.2/0/5","value":"0,0"}',
    refused(
      "Invalid Execute request : [Unable to parse Arguments [0,0] : Unable to build Arguments : digit [0] exists more than once ]",
    ),
  ],
  ["C59", 'WriteAttributes {"id":"/3_1.2/0/9"}', refused("Attributes to write are not specified!")],
  [
    "C60",
    'WriteAttributes {"id":"/3_1.2/0","attributes":{"gt":1}}',
    refused(expect.stringMatching(/^Some attributes are not valid for the path \/3\/0\. gt attribute is only/)),
  ],
  [
    "C60",
    'WriteAttributes {"id":"/3_1.2/0/9","attributes":{"pmin":10,"pmax":1}}',
    refused("Some attributes are not valid for the path /3/0/9. Attributes doesn't fulfill 'pmin'<= 'pmax' condition"),
  ],
  [
    "C61",
    'WriteAttributes {"id":"/3_1.2/0/9","attributes":{"pmin":-1}}',
    refused("'pmin' attribute value must not be negative"),
  ],
  [
    "C61",
    'WriteAttributes {"id":"/3_1.2/0/9","attributes":{"foo":1}}',
    refused('The given string value cannot be transformed to Json object: {"id":"/3_1.2/0/9","attributes":{"foo":1}}'),
  ],
];

/** Leshan's client with object 38000, which has a resource of each type, and no instance of object 19. */
export const EVERY_TYPE_ROWS: readonly Row[] = [
  ["S30", 'Read {"id":"/3/0/9"}', content(single(9, 100, "INTEGER"))],
  ["C14", 'Read {"id":"/38000/0/5"}', content("LwM2mSingleResource id=5 value=ac01 type=OPAQUE")],
  ["C17", 'Read {"id":"/38000/0/7"}', content(single(7, "/3/0", "OBJLNK"))],
  [
    "C17",
    'Read {"id":"/38000/0/7"}',
    content(single(7, "/65535/65535", "OBJLNK")),
    { has: { "/38000/0/7": "65535:65535" } },
  ],
  ["C18", 'Read {"id":"/38000/0/8"}', content(single(8, "[</3/0>, </1>]", "CORELINK"))],
  ["C19", 'Read {"id":"/38000/0/2"}', content(single(2, "18446744073709551615", "UNSIGNED_INTEGER"))],
  ["C20", 'Read {"id":"/19"}', content("LwM2mObject [id=19, instances={}]")],
  ["C21", 'WriteReplace {"id":"/38000/0/1","value":-1}', CHANGED, { takes: { "/38000/0/1": -1 } }],
  ["C24", 'WriteReplace {"id":"/38000/0/2","value":13}', CHANGED, { takes: { "/38000/0/2": 13 } }],
  ["C25", 'WriteReplace {"id":"/38000/0/4","value":1}', CHANGED, { takes: { "/38000/0/4": true } }],
  ["C26", 'WriteReplace {"id":"/38000/0/4","value":"TRUE"}', CHANGED, { takes: { "/38000/0/4": true } }],
  ["C30", 'WriteReplace {"id":"/38000/0/5","value":"QUJD"}', CHANGED, { takes: { "/38000/0/5": "414243" } }],
  ["C31", 'WriteReplace {"id":"/38000/0/7","value":"/3/0"}', CHANGED, { takes: { "/38000/0/7": "3:0" } }],
  ["C31", 'WriteReplace {"id":"/38000/0/7","value":"1/0"}', CHANGED, { takes: { "/38000/0/7": "1:0" } }],
  ["C31", 'WriteReplace {"id":"/38000/0/7","value":"3:0"}', CHANGED, { takes: { "/38000/0/7": "3:0" } }],
  [
    "C34",
    'WriteReplace {"id":"/38000/0/10","value":{"0":"hello world"}}',
    CHANGED,
    { takes: { "/38000/0/10": { "0": "hello world" } } },
  ],
  [
    "C35",
    'WriteReplace {"id":"/38000/0/10","value":{"0":"5.10"}}',
    CHANGED,
    { takes: { "/38000/0/10": { "0": "5.10" } } },
  ],
  ["C36", 'WriteReplace {"id":"/38000/0/11","value":{"0":5}}', CHANGED, { takes: { "/38000/0/11": { "0": 5 } } }],
  ["C37", 'WriteReplace {"id":"/38000/0/13","value":{"0":42.5}}', CHANGED, { takes: { "/38000/0/13": { "0": 42.5 } } }],
  [
    "C38",
    'WriteReplace {"id":"/38000/0/12/1","value":"aa"}',
    CHANGED,
    {
      has: { "/38000/0/12": { "0": "00", "1": "11" } },
      asked: { method: "PUT", path: "/38000/0/12/1" },
      takes: { "/38000/0/12": { "1": "aa" } },
    },
  ],
  [
    "C38",
    'Read {"id":"/38000/0/12"}',
    content("LwM2mMultipleResource id=12 values={ id=0 value=00,  id=1 value=aa} type=OPAQUE"),
  ],

  ["C54", 'WriteComposite {"nodes":{"/38000/0/3":42.2}}', CHANGED, { takes: { "/38000/0/3": 42.2 } }],
];

export const LINKS_OF_RESOURCES: string = Array.from({ length: 17 }, (_, id) => `</3/0/${id}>`).join(",");

/** A device of our own that answers what Leshan's client would not: the links of the reference page, and failures. */
export const SCRIPTED_ROWS: readonly Row[] = [
  ["S5", 'Discover {"id":"/3"}', content(`</3>,${LINKS_OF_RESOURCES}`), { says: linked(`</3>,${LINKS_OF_RESOURCES}`) }],
  [
    "S7",
    'Discover {"id":"/3/0"}',
    content(`</3/0>,${LINKS_OF_RESOURCES}`),
    { says: linked(`</3/0>,${LINKS_OF_RESOURCES}`) },
  ],
  ["C11", 'Read {"id":"/3/0/1"}', { result: "NOT_FOUND", error: "gone" }, { says: { code: 404, diagnostic: "gone" } }],
  // The recommended outcome: the name stays, and the error has the code.
  ["C11", 'Read {"id":"/3/0/2"}', { result: "UNKNOWN", error: "5.01" }, { says: { code: 501 } }],
];

/** Rows for which no device of the tests is as it must be: what it answers is given. On the device of the black-box tests. */
export const PAPER_ROWS: readonly Row[] = [
  [
    "B28",
    'WriteComposite {"nodes":{"/19_1.1/2/0/2":"00ad45675600"}}',
    { result: "NOT_FOUND", error: "object instance /19/2 not found" },
    { says: { code: 404, diagnostic: "object instance /19/2 not found" } },
  ],
  [
    "B37",
    'Execute {"id":"/1/0/9"}',
    refused("probably no bootstrap server configured"),
    { says: { code: 400, diagnostic: "probably no bootstrap server configured" } },
  ],
  ["B38", 'Execute {"id":"/1/0/9"}', CHANGED],
  [
    "B64",
    'Observe {"id":"/19_1.1/0/3"}',
    refused("value MUST NOT be null"),
    { says: { code: 400, diagnostic: "value MUST NOT be null" } },
  ],
];

/** Rows on a device that is the black-box tests', but lists other formats. */
export const OTHER_FORMATS_ROWS: readonly (readonly [contentFormats: string, ...Row])[] = [
  [
    "60 110 112",
    "C48",
    'Create {"id":"/19_1.1","value":{"0":{"0":"00AC"}}}',
    refused(
      expect.stringMatching(
        /^Missing object instance id for CREATE request \(\/19\) using SENML_(CBOR|JSON)\(\d+\) content format\./,
      ),
    ),
  ],
  ["11542", "C55", 'ReadComposite {"ids":["/3/0/9"]}', refused("This device does not support Composite Operation")],
  [
    "11542",
    "C55",
    'WriteComposite {"nodes":{"/3/0/14":"+1"}}',
    refused("This device does not support Composite Operation"),
  ],
];
