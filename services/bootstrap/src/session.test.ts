import { CODE, CONTENT_FORMAT, OPTION, readUintOption, uintOption, uriPath } from "@ferry/coap";
import type { AccountKeys, CoapRequest, CoapResponse } from "@ferry/lwm2m";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { BOOTSTRAP_ACCOUNT, type Habits, PaperDevice, type PaperInstance, serverAccount } from "./paper-accounts.ts";
import { type BootstrapOutput, BootstrapSession, type BootstrapSessionSettings } from "./session.ts";

const TIMEOUT_MS = 300_000;
const TARGET = { servers: [serverAccount(101)], bootstrapServer: undefined, objects: [] };
const FRESH: readonly (readonly [string, PaperInstance])[] = [["0/0", new Map([[1, "true"]])]];

const sessionOf = (settings: Partial<BootstrapSessionSettings> = {}) =>
  new BootstrapSession({
    target: TARGET,
    needsKey: false,
    preferredFormat: undefined,
    registeredVersion: undefined,
    registeredFormats: [],
    timeoutMs: TIMEOUT_MS,
    ...settings,
  });
const refusing = (code: number, text = ""): CoapResponse => ({
  code,
  options: [],
  payload: new TextEncoder().encode(text),
});
const linksAnswer = (links: string): CoapResponse => ({
  code: CODE.CONTENT,
  options: [uintOption(OPTION.CONTENT_FORMAT, CONTENT_FORMAT.LINK_FORMAT)],
  payload: new TextEncoder().encode(links),
});

const METHOD: Readonly<Record<number, string>> = { 1: "GET", 2: "POST", 3: "PUT", 4: "DELETE" };
/** `PUT /0/1`. */
const nameOf = ({ code, options }: CoapRequest) => `${METHOD[code]} /${uriPath(options).join("/")}`;
/** One line of a conversation. */
const shown = (output: BootstrapOutput): string => {
  switch (output.type) {
    case "request": {
      const format = readUintOption(output.request.options, OPTION.CONTENT_FORMAT);
      return nameOf(output.request) + (format === undefined ? "" : ` ${format}`);
    }
    case "step":
      return `  ${output.outcome} ${output.code ?? "-"}${output.reason === undefined ? "" : `: ${output.reason}`}`;
    case "failed":
      return `failed, ${output.cause}: ${output.reason}`;
    default:
      return output.type;
  }
};

type Answers = (request: CoapRequest) => CoapResponse | string;

/** The whole session with a device that answers; a text is why there is no answer. */
function converse(session: BootstrapSession, answers: Answers): string[] {
  const lines: string[] = [];
  let outputs = session.handle({ type: "start" }, 0);
  while (outputs.length > 0) {
    lines.push(...outputs.map(shown));
    const asked = outputs.find((each) => each.type === "request");
    if (asked === undefined) break;
    const answer = answers(asked.request);
    outputs = session.handle(
      typeof answer === "string" ? { type: "failed", reason: answer } : { type: "response", ...answer },
      0,
    );
  }
  return lines;
}
/** The answers of a paper device, but for those to the requests named. */
const butFor =
  (device: PaperDevice, others: Readonly<Record<string, CoapResponse | string>>): Answers =>
  (request) =>
    others[nameOf(request)] ?? device.answer(request);
const fresh = (habits: Partial<Habits> = {}) => new PaperDevice(FRESH, habits);

describe("a session", () => {
  it("asks what the device has, writes what it is to have, and finishes", () => {
    const device = fresh();
    expect(converse(sessionOf(), (request) => device.answer(request))).toEqual([
      "GET /",
      "  success 2.05",
      "PUT /0/1 11542",
      "  success 2.04",
      "PUT /1/0 11542",
      "  success 2.04",
      "POST /bs",
      "  success 2.04",
      "done",
    ]);
    expect(device.instances.get("0/1")?.get(0)).toBe("coap://server-101.example.org:5683");
    expect(device.instances.get("1/0")?.get(0)).toBe("101");
    expect(device.instances.get("0/0")).toBe(FRESH[0]?.[1]);
  });

  it("done again comes to the same, for TLV and SenML, with the bootstrap server's account or without", () => {
    for (const preferredFormat of [undefined, 110, 112, 11_544]) {
      for (const bootstrapServer of [undefined, BOOTSTRAP_ACCOUNT]) {
        const device = fresh();
        const run = () =>
          converse(sessionOf({ preferredFormat, target: { ...TARGET, bootstrapServer } }), (each) =>
            device.answer(each),
          );
        expect(run().at(-1)).toBe("done");
        const once = device.state;
        expect(run().at(-1)).toBe("done");
        expect(device.state).toEqual(once);
        expect(device.instances.size).toBe(3);
      }
    }
  });
});

describe("Discover", () => {
  it("may be unknown to a device of LwM2M 1.0: then servers go to the ids from 1 on", () => {
    const answers = butFor(fresh(), { "GET /": refusing(CODE.METHOD_NOT_ALLOWED) });
    expect(converse(sessionOf(), answers)).toEqual([
      "GET /",
      "  refused 4.05: 4.05",
      "PUT /0/1 11542",
      "  success 2.04",
      "PUT /1/1 11542",
      "  success 2.04",
      "POST /bs",
      "  success 2.04",
      "done",
    ]);
  });

  it.each<[string, Partial<BootstrapSessionSettings>]>([
    ["prefers a Content-Format, which 1.0 does not know", { preferredFormat: 11_542 }],
    ["has registered as one of 1.1", { registeredVersion: "1.1" }],
  ])("that fails ends the session when the device %s", (_why, settings) => {
    const answers = butFor(fresh(), { "GET /": refusing(CODE.INTERNAL_SERVER_ERROR, "out of memory") });
    expect(converse(sessionOf(settings), answers)).toEqual([
      "GET /",
      '  refused 5.00: 5.00 "out of memory"',
      'failed, refused: Bootstrap-Discover /: 5.00 "out of memory"',
    ]);
  });

  it("that cannot be read ends the session, whatever the version: the account that is at /0/1 may be the bootstrap server's", () => {
    const unreadable = linksAnswer("</>;lwm2m=1.1,</0/1>,</0/0>;ssid=70000");
    for (const settings of [{}, { registeredVersion: "1.0" }, { registeredVersion: "1.2" }] as const) {
      expect(converse(sessionOf(settings), butFor(fresh(), { "GET /": unreadable }))).toEqual([
        "GET /",
        "  refused 2.05: link </0/0>: ssid 70000 is not in 1..65534",
        "failed, refused: Bootstrap-Discover /: link </0/0>: ssid 70000 is not in 1..65534",
      ]);
    }
  });

  it("decides the version: what the device registered with before counts less", () => {
    const settings = { registeredVersion: "1.1", registeredFormats: [112] } as const;
    const device = fresh({ versionText: 'lwm2m="1.0"' });
    expect(converse(sessionOf(settings), (each) => device.answer(each))).toContain("PUT /0/1 11542");
  });
});

const KEY = { type: "psk", identity: "made", key: new Uint8Array(16).fill(7) } as const;

describe("a key that is to be made", () => {
  const EMPTY: AccountKeys = { type: "psk", identity: "", key: new Uint8Array() };
  const target = { ...TARGET, servers: [serverAccount(101, { keys: EMPTY })] };
  /** A session that has been answered what the device has. */
  const discovered = () => {
    const session = sessionOf({ needsKey: true, target });
    expect(session.handle({ type: "start" }, 0).map(shown)).toEqual(["GET /"]);
    return { session, outputs: session.handle({ type: "response", ...linksAnswer("</0/0>") }, 0) };
  };

  it("is asked for once the device has answered, and nothing is written before it is there", () => {
    const { session, outputs } = discovered();
    expect(outputs.map(shown)).toEqual(["  success 2.05", "needKey"]);
    expect(session.handle(KEY, 0).map(shown)).toEqual(["PUT /0/1 11542"]);
    expect(session.handle(KEY, 0)).toEqual([]);
  });

  it("is not asked for of a device that does not answer", () => {
    expect(converse(sessionOf({ needsKey: true, target }), () => "timeout")).not.toContain("needKey");
  });

  it("is what the device is given, also one that does not know Discover", () => {
    const session = sessionOf({ needsKey: true, target });
    session.handle({ type: "start" }, 0);
    const outputs = session.handle({ type: "response", ...refusing(CODE.METHOD_NOT_ALLOWED) }, 0);
    expect(outputs.map(shown)).toEqual(["  refused 4.05: 4.05", "needKey"]);
    const [write] = session.handle(KEY, 0);
    if (write?.type !== "request") throw new TypeError(`a ${write?.type} and no request`);
    expect(Buffer.from(write.request.payload).includes(Buffer.from(KEY.identity))).toBe(true);
  });

  it("that could not be made ends the session, which says why", () => {
    const { session } = discovered();
    expect(session.handle({ type: "noKey", reason: "Kafka is away" }, 0).map(shown)).toEqual([
      "failed, noKey: Kafka is away",
    ]);
    expect(session.handle(KEY, 0)).toEqual([]);
  });

  it("is given up with the session", () => {
    const { session } = discovered();
    expect(session.tick(TIMEOUT_MS).map(shown)).toEqual([
      "cancelRequest",
      "failed, deadline: it took longer than 300 s",
    ]);
    expect(session.handle(KEY, TIMEOUT_MS)).toEqual([]);
  });
});

describe("the end of a session", () => {
  const target = { ...TARGET, bootstrapServer: BOOTSTRAP_ACCOUNT };
  const finishOf = (device: PaperDevice): BootstrapOutput | undefined => {
    const session = sessionOf({ target });
    let outputs = session.handle({ type: "start" }, 0);
    for (let asked = outputs[0]; asked?.type === "request"; asked = outputs.at(-1))
      outputs = session.handle({ type: "response", ...device.answer(asked.request) }, 0);
    return outputs.at(-2);
  };

  it("says what the device was given: the bootstrap server's account only where that was written, else why not", () => {
    expect(finishOf(fresh())).toMatchObject({ step: "finish", written: target, reason: undefined });
    const unclear = new PaperDevice([...FRESH, ["0/1", new Map([[1, "true"]])]], {});
    expect(finishOf(unclear)).toMatchObject({
      step: "finish",
      written: TARGET,
      reason:
        "the account of the bootstrap server was not written: the device did not say which instance of object 0 it is",
    });
  });
});

describe("Read", () => {
  const unnamed = (versionText: string) =>
    new PaperDevice([...FRESH, ["1/3", new Map([[0, "101"]])]], { versionText, unnamed: ["1/3"] });

  it("finds the instance of a server whose link has no short server id", () => {
    const device = unnamed("</>;lwm2m=1.1");
    expect(converse(sessionOf(), (each) => device.answer(each)).slice(0, 6)).toEqual([
      "GET /",
      "  success 2.05",
      "GET /1",
      "  success 2.05",
      "DELETE /1/3",
      "  success 2.02",
    ]);
    expect([...device.instances.keys()].sort()).toEqual(["0/0", "0/1", "1/3"]);
  });

  it("may be refused: such an instance is then left alone", () => {
    const device = unnamed("</>;lwm2m=1.1");
    const lines = converse(sessionOf(), butFor(device, { "GET /1": refusing(CODE.METHOD_NOT_ALLOWED) }));
    expect(lines).toContain("  refused 4.05: 4.05");
    expect(lines.at(-1)).toBe("done");
    expect([...device.instances.keys()].sort()).toEqual(["0/0", "0/1", "1/0", "1/3"]);
  });

  it("is not sent to a device of LwM2M 1.0, which does not know it", () => {
    const device = unnamed('lwm2m="1.0"');
    const lines = converse(sessionOf(), (each) => device.answer(each));
    expect([lines.includes("GET /1"), lines.at(-1)]).toEqual([false, "done"]);
  });
});

describe("a refused operation", () => {
  const known = () => new PaperDevice([...FRESH, ["0/1", new Map([[10, "101"]])], ["1/0", new Map([[0, "101"]])]], {});

  it("ends the session when it is a Write: half an account is none", () => {
    const lines = converse(sessionOf(), butFor(fresh(), { "PUT /1/0": refusing(CODE.BAD_REQUEST, "binding") }));
    expect(lines.slice(-3)).toEqual([
      "PUT /1/0 11542",
      '  refused 4.00: 4.00 "binding"',
      'failed, refused: Bootstrap-Write /1/0: 4.00 "binding"',
    ]);
  });

  it("is what was wanted when a Delete finds nothing", () => {
    const answers = butFor(known(), {
      "DELETE /0/1": refusing(CODE.NOT_FOUND),
      "DELETE /1/0": refusing(CODE.NOT_FOUND),
    });
    const lines = converse(sessionOf(), answers);
    expect(lines.slice(2, 6)).toEqual(["DELETE /0/1", "  success 4.04", "DELETE /1/0", "  success 4.04"]);
    expect(lines.at(-1)).toBe("done");
  });

  it("ends the session when a Delete is refused otherwise", () => {
    const lines = converse(sessionOf(), butFor(known(), { "DELETE /1/0": refusing(CODE.METHOD_NOT_ALLOWED) }));
    expect(lines.at(-1)).toBe("failed, refused: Bootstrap-Delete /1/0: 4.05");
  });

  it("is told as inconsistent accounts when it is Finish with 4.06 (Core 1.1.1 §6.1.6)", () => {
    const lines = converse(sessionOf(), butFor(fresh(), { "POST /bs": refusing(CODE.NOT_ACCEPTABLE, "no server") }));
    expect(lines.at(-1)).toBe(
      'failed, refused: Bootstrap-Finish: 4.06 "no server": the device finds its accounts inconsistent; compare the profile\'s servers with what the device had',
    );
  });
});

describe("a device that does not know the Content-Format (4.15)", () => {
  it("is written to in TLV, from then on", () => {
    const device = fresh();
    const answers: Answers = (request) =>
      readUintOption(request.options, OPTION.CONTENT_FORMAT) === 112
        ? refusing(CODE.UNSUPPORTED_CONTENT_FORMAT)
        : device.answer(request);
    expect(converse(sessionOf({ preferredFormat: 112 }), answers)).toEqual([
      "GET /",
      "  success 2.05",
      "PUT /0/1 112",
      "  refused 4.15: SENML_CBOR(112) is not known to the device: tried again",
      "PUT /0/1 11542",
      "  success 2.04",
      "PUT /1/0 11542",
      "  success 2.04",
      "POST /bs",
      "  success 2.04",
      "done",
    ]);
  });

  it("whatever it is ends the session", () => {
    const refusesAll: Answers = (request) =>
      request.code === CODE.PUT ? refusing(CODE.UNSUPPORTED_CONTENT_FORMAT) : fresh().answer(request);
    const lines = converse(sessionOf({ preferredFormat: 110 }), refusesAll);
    expect(lines.filter((line) => line.startsWith("PUT"))).toEqual(["PUT /0/1 110", "PUT /0/1 11542", "PUT /0/1 112"]);
    expect(lines.at(-1)).toBe("failed, refused: Bootstrap-Write /0/1: 4.15");
  });
});

describe("a device that stops midway", () => {
  it.each([
    ["GET /", "Bootstrap-Discover /"],
    ["PUT /1/0", "Bootstrap-Write /1/0"],
    ["POST /bs", "Bootstrap-Finish"],
  ])("ends the session at %s, which names %s", (request, name) => {
    const lines = converse(sessionOf(), butFor(fresh(), { [request]: "timeout" }));
    expect(lines.slice(-2)).toEqual([
      "  noAnswer -: no answer: timeout",
      `failed, noAnswer: ${name}: no answer: timeout`,
    ]);
  });

  it("has until the deadline over all: then the request in hand is given up", () => {
    const session = sessionOf();
    expect(session.deadlineMs).toBeUndefined();
    session.handle({ type: "start" }, 1000);
    expect(session.deadlineMs).toBe(1000 + TIMEOUT_MS);
    session.handle({ type: "response", ...linksAnswer("</0/0>") }, 1000 + TIMEOUT_MS - 1);
    expect(session.tick(1000 + TIMEOUT_MS - 1)).toEqual([]);
    expect(session.tick(1000 + TIMEOUT_MS).map(shown)).toEqual([
      "cancelRequest",
      "failed, deadline: Bootstrap-Write /0/1: it took longer than 300 s",
    ]);
    expect(session.deadlineMs).toBeUndefined();
  });
});

describe("a session that is given up", () => {
  it("gives up its request, and takes no answer any more", () => {
    const session = sessionOf();
    session.handle({ type: "start" }, 0);
    expect(session.handle({ type: "cancel", reason: "the device asked again" }, 5).map(shown)).toEqual([
      "cancelRequest",
      "failed, cancelled: Bootstrap-Discover /: the device asked again",
    ]);
    expect(session.handle({ type: "response", ...linksAnswer("</0/0>") }, 6)).toEqual([]);
    expect(session.handle({ type: "failed", reason: "cancelled" }, 6)).toEqual([]);
    expect(session.handle({ type: "cancel", reason: "again" }, 7)).toEqual([]);
    expect(session.tick(TIMEOUT_MS * 2)).toEqual([]);
  });
});

const anyCode = fc.constantFrom(
  CODE.CONTENT,
  CODE.CHANGED,
  CODE.DELETED,
  CODE.BAD_REQUEST,
  CODE.NOT_FOUND,
  CODE.NOT_ACCEPTABLE,
  CODE.UNSUPPORTED_CONTENT_FORMAT,
  CODE.INTERNAL_SERVER_ERROR,
);
const anyPayload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .constantFrom(
      "</0/0>",
      "</>;lwm2m=1.1,</0/0>,</1/0>,</1/1>;ssid=1",
      "</0/1>;ssid=1,</0/2>;ssid=1,</1/0>;ssid=2",
      "<<",
    )
    .map((text) => new TextEncoder().encode(text)),
);
const anyFormat = fc.constantFrom(undefined, 40, 112, 11_542);
const anyInput = fc.oneof(
  { weight: 12, arbitrary: fc.tuple(anyCode, anyPayload, anyFormat) },
  { weight: 1, arbitrary: fc.constant("failed" as const) },
  { weight: 1, arbitrary: fc.constant("cancel" as const) },
  { weight: 3, arbitrary: fc.constant("psk" as const) },
  { weight: 1, arbitrary: fc.constant("noKey" as const) },
  { weight: 1, arbitrary: fc.constant("tick" as const) },
);

it("whatever a device answers, a session has one request or key in hand at most, ends within a bound, and is silent afterwards", () => {
  const ids = fc.uniqueArray(fc.integer({ min: 1, max: 3 }), { maxLength: 3 });
  fc.assert(
    fc.property(
      ids,
      fc.boolean(),
      anyFormat,
      fc.array(anyInput, { maxLength: 60 }),
      (servers, needsKey, preferredFormat, inputs) => {
        const target = {
          ...TARGET,
          servers: servers.map((id) => serverAccount(id)),
          bootstrapServer: BOOTSTRAP_ACCOUNT,
        };
        const session = sessionOf({ target, needsKey, preferredFormat });
        const all = [session.handle({ type: "start" }, 0)];
        let keysTaken = 0;
        for (const input of inputs) {
          if (input === "tick") all.push(session.tick(TIMEOUT_MS - 1));
          else if (input === "psk" || input === "noKey") {
            const key = input === "psk" ? KEY : { type: input, reason: "x" };
            const then = session.handle(key, 1);
            keysTaken += Math.sign(then.length);
            all.push(then);
          } else if (input === "failed" || input === "cancel")
            all.push(session.handle({ type: input, reason: "x" }, 1));
          else {
            const [code, payload, format] = input;
            const options = format === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, format)];
            all.push(session.handle({ type: "response", code, options, payload }, 1));
          }
        }
        const outputs = all.flat();
        const requests = outputs.filter(({ type }) => type === "request").length;
        const keys = outputs.filter(({ type }) => type === "needKey").length;
        const ends = outputs.filter(({ type }) => type === "done" || type === "failed").length;
        const settled = outputs.filter(({ type }) => type === "step" || type === "cancelRequest").length;
        // Discover, Read and Finish; of each server's two objects a Write and no more Deletes than instances are listed; the other account; two more formats.
        expect(requests).toBeLessThanOrEqual(3 + servers.length * 2 + 6 + 1 + 2);
        expect(ends).toBe(session.deadlineMs === undefined ? 1 : 0);
        expect(requests + keys - settled - keysTaken).toBe(ends === 1 ? 0 : 1);
        expect(keys).toBeLessThanOrEqual(needsKey ? 1 : 0);
        if (ends === 1) expect(["done", "failed"]).toContain(outputs.at(-1)?.type);
        // The deadline is an end in any case.
        session.tick(TIMEOUT_MS);
        expect(session.deadlineMs).toBeUndefined();
        expect(
          session.handle({ type: "response", code: CODE.CHANGED, options: [], payload: new Uint8Array() }, 2),
        ).toEqual([]);
      },
    ),
  );
});
