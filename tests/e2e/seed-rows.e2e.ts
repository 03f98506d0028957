import { join } from "node:path";
import { CODE, CONTENT_FORMAT, OPTION, uintOption, uriOptions, uriPath } from "@ferry/coap";
import { type LeshanDevice, type LeshanEvent, type LeshanValue, startLeshan } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Answer, startCoapEndpoint } from "../interop/coap-endpoint.ts";
import { type Stops, System, stopAll } from "./system.ts";

/** A time zone that has `EEST` in the summer of 2021 and `EET` in the summer of 1940, as the reference page prints. */
const TIME_ZONE = "Europe/Helsinki";
const MODEL = join(import.meta.dirname, "../interop/leshan/src/main/resources/models/38000-1_0.xml");

type Requested = Extract<LeshanEvent, { readonly event: "requested" }>;
type Result = { readonly result: string; readonly value?: unknown; readonly error?: unknown };

/** What goes before a request, and what the device gets of it. */
interface Circumstances {
  /** Values that the device has, by path. */
  readonly has?: Readonly<Record<string, LeshanValue>>;
  /** Requests that were answered before. */
  readonly after?: readonly string[];
  /** The request that reaches the device. */
  readonly asked?: Partial<Requested>;
  /** Values that the device takes, by path. */
  readonly takes?: Readonly<Record<string, LeshanValue>>;
}

/** A row: its number, the request as in the terminal, the answer, and the circumstances. */
type Row = readonly [row: string, request: string, answer: Result, circumstances?: Circumstances];

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
const SEED_ROWS: readonly Row[] = [
  ["S4", 'Read {"id":"/3/0"}', content(`LwM2mObjectInstance [id=0, resources={${DEVICE_RESOURCES.join(", ")}}]`)],
  ["S1", 'Read {"id":"/3/0/9"}', content(single(9, 100, "INTEGER")), { has: { "/3/0/9": 100 } }],
  ["S2", 'Read {"id":"/3_1.0/0/9"}', content(single(9, 20, "INTEGER")), { has: { "/3/0/9": 20 } }],
  ["S3", 'Read {"key":"batteryLevel"}', content(single(9, 27, "INTEGER")), { has: { "/3/0/9": 27 } }],
  ["S8", 'Discover {"id":"/3/0/1"}', content("</3/0/1>"), { asked: { method: "GET", path: "/3/0/1", accept: 40 } }],
  ["S9", 'Discover {"key":"batteryLevel"}', content("</3/0/9>")],
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
];

/** Leshan's client as the device of ThingsBoard's black-box tests. */
const BLACK_BOX_ROWS: readonly Row[] = [
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
  ["B52", 'Discover {"id":"/19_1.1"}', content(expect.stringMatching(/^<\/19[^,]*(,<\/19[^,]*)*$/))],
  ["B53", 'Discover {"id":"/3303_1.0/0/5700"}', content("</3303/0/5700>")],
  ["B55", 'Discover {"id":"/3_1.2/0/6/1"}', refused("Discover request cannot target resource instance path: /3/0/6/1")],
  ["B56", 'Discover {"id":"/3_1.2"}', contains("</3>;ver=1.2", "</3/0/6>;dim=3", "</3/0/11>;dim=1")],
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
];

/** Leshan's client with object 38000, which has a resource of each type, and no instance of object 19. */
const EVERY_TYPE_ROWS: readonly Row[] = [
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
];

const LINKS_OF_RESOURCES = Array.from({ length: 17 }, (_, id) => `</3/0/${id}>`).join(",");

/** A device of our own that answers what Leshan's client would not: the links of the reference page, and failures. */
const SCRIPTED_ROWS: readonly Row[] = [
  ["S5", 'Discover {"id":"/3"}', content(`</3>,${LINKS_OF_RESOURCES}`)],
  ["S7", 'Discover {"id":"/3/0"}', content(`</3/0>,${LINKS_OF_RESOURCES}`)],
  ["C11", 'Read {"id":"/3/0/1"}', { result: "NOT_FOUND", error: "gone" }],
  // The recommended outcome: the name stays, and the error has the code.
  ["C11", 'Read {"id":"/3/0/2"}', { result: "UNKNOWN", error: "5.01" }],
];

const links = (text: string): Answer => ({
  code: CODE.CONTENT,
  options: [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)],
  payload: Buffer.from(text),
});
const SCRIPT: Readonly<Record<string, Answer>> = {
  "3": links(`</3>,${LINKS_OF_RESOURCES}`),
  "3/0": links(`</3/0>,${LINKS_OF_RESOURCES}`),
  "3/0/1": { code: CODE.NOT_FOUND, payload: Buffer.from("gone") },
  "3/0/2": { code: CODE.NOT_IMPLEMENTED },
};

const stops: Stops = [];
let system: System;
let serverPort: number;

beforeAll(async () => {
  system = await System.start({
    name: "rows",
    env: { LWM2M_REACHABILITY_MODE: "vip" },
  });
  stops.push(() => system.stop());
  const transport = await system.run("transport", "transport-0", { env: { LWM2M_TIME_ZONE: TIME_ZONE } });
  const router = await system.run("rpc-router", "rpc-router");
  await Promise.all([transport.started, router.started]);
  await system.provision([join(import.meta.dirname, "seed-rows"), MODEL]);
  serverPort = transport.coapPort;
}, 90_000);

afterAll(() => stopAll(stops), 60_000);

/** Sends a request as the terminal does: the method, a space, and parameters that go as they are. */
async function ask(endpoint: string, request: string): Promise<Result> {
  const [method = "", params] = request.split(/ (.*)/s);
  const call = { endpoint, method, timeoutMs: 10_000, ...(params === undefined ? {} : { params }) };
  const { result, value, error } = await system.client.rpc(call);
  return JSON.parse(JSON.stringify({ result, value, error })) as Result; // Without what is absent.
}

describe.each([
  ["seed", SEED_ROWS],
  ["black-box", BLACK_BOX_ROWS],
  ["every-type", EVERY_TYPE_ROWS],
] as const)("a request on Kafka to Leshan's client %s", (endpoint, rows) => {
  let device: LeshanDevice;

  beforeAll(async () => {
    const server = `coap://127.0.0.1:${serverPort}`;
    device = await startLeshan({ server, endpoint, fixture: endpoint });
    stops.push(() => device.stop());
    await device.waitFor("registered");
  }, 30_000);

  it.each(rows)(
    "%s: %s",
    (_, request, answer, { has = {}, after = [], asked, takes = {} } = {}) =>
      system.explain(async () => {
        for (const [path, value] of Object.entries(has)) await device.send({ command: "set", path, value });
        for (const before of after) expect(await ask(endpoint, before)).toMatchObject({ result: "CONTENT" });
        const past = new Set(device.events);

        expect(await ask(endpoint, request)).toEqual(answer);

        if (asked !== undefined) {
          expect(await device.waitFor("requested", (event) => !past.has(event))).toMatchObject(asked);
        }
        for (const [path, value] of Object.entries(takes)) {
          expect(await device.waitFor("written", (event) => !past.has(event) && event.path === path)).toMatchObject({
            value,
          });
        }
      }),
    20_000,
  );
});

describe("a request on Kafka to a scripted device", () => {
  beforeAll(async () => {
    const device = await startCoapEndpoint(
      ({ options }) => SCRIPT[uriPath(options).join("/")] ?? { code: CODE.NOT_FOUND },
    );
    stops.push(() => device.stop());
    const registered = await device.request({
      peer: `127.0.0.1:${serverPort}`,
      code: CODE.POST,
      options: uriOptions("/rd?ep=scripted&lt=300&lwm2m=1.1&b=U"),
      payload: Buffer.from('</>;rt="oma.lwm2m";ct=110,</3>;ver=1.0,</3/0>'),
      token: Buffer.from("01", "hex"),
    });
    expect(registered.code).toBe(CODE.CREATED);
  });

  it.each(SCRIPTED_ROWS)("%s: %s", async (_, request, answer) => {
    expect(await ask("scripted", request)).toEqual(answer);
  });
});
