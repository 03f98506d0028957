import { CODE, formatCode, OPTION, readStringOptions, readUintOption, uriPath } from "@ferry/coap";
import { chooseFormat, operationPaths, toCoapRequest } from "@ferry/lwm2m";
import {
  buildOperation,
  type Compat,
  createTimeFormat,
  findObservation,
  findObservationConflict,
  formatDiscoverAll,
  formatLocalValue,
  formatObserveReadAll,
  formatOutcome,
  formatRefusal,
  type LocalAsk,
  type ObservedPaths,
  parseTerminalLine,
  REFUSALS,
  type RpcOperation,
  type RpcResult,
} from "@ferry/rpc";
import { describe, expect, it } from "@jest/globals";
import {
  BLACK_BOX_ROWS,
  type Circumstances,
  EVERY_TYPE_ROWS,
  OTHER_FORMATS_ROWS,
  PAPER_ROWS,
  type Result,
  type Row,
  SCRIPTED_ROWS,
  SEED_ROWS,
} from "./contract/rpc-rows.ts";
import { PaperDevice } from "./paper-device.ts";

const formatTime = createTimeFormat("Europe/Helsinki");

/** A server on paper: it decides everything by libs/rpc and libs/lwm2m, and sends nothing. */
class PaperServer {
  readonly device: PaperDevice;
  readonly #compat: Compat;
  #observations: ObservedPaths[] = [];
  #last: RpcOperation | undefined;

  constructor(device: PaperDevice, compat: Compat) {
    this.device = device;
    this.#compat = compat;
  }

  ask(line: string, says?: Circumstances["says"]): Result {
    const { result, value, error } = this.#answer(line, says);
    return { result, ...(value === undefined ? {} : { value }), ...(error === undefined ? {} : { error }) };
  }

  /** The last request that went to the device, as Leshan's client tells of it. */
  requested(): object {
    const { operation, format } = this.#last as RpcOperation; // Only rows that send something ask.
    const { supported, models } = this.device.context;
    const [target = []] = operationPaths(operation);
    const isComposite = operationPaths(operation).length > 1 || !("path" in operation);
    const chosen = format ?? (isComposite ? 110 : chooseFormat(target, models, supported));
    const { code, options, payload } = toCoapRequest(operation, { format: chosen, rootPath: supported.rootPath });
    return {
      method: METHODS.get(code) ?? formatCode(code),
      path: `/${uriPath(options).join("/")}`,
      query: readStringOptions(options, OPTION.URI_QUERY).join("&"),
      accept: readUintOption(options, OPTION.ACCEPT) ?? -1,
      contentFormat: readUintOption(options, OPTION.CONTENT_FORMAT) ?? -1,
      payload: Buffer.from(payload).toString("hex"),
    };
  }

  #answer(line: string, says: Circumstances["says"]): RpcResult {
    const { method, params } = parseTerminalLine(line);
    const built = buildOperation(method, params, this.device.context);
    if (built.type === "refused") return formatRefusal(built);
    if (built.type === "local") return this.#local(built.ask);
    this.#last = built;
    const { operation } = built;
    const composite = operation.type === "observeComposite";
    if (operation.type === "observe" || composite) {
      const wanted = { paths: operationPaths(operation), composite };
      const conflict = findObservationConflict(this.#observations, wanted);
      if (conflict !== undefined) return formatRefusal(conflict);
      if (findObservation(this.#observations, wanted) === undefined) this.#observations.push(wanted);
    }
    return formatOutcome(operation, says ?? this.device.perform(operation), { formatTime, compat: this.#compat });
  }

  #local(ask: LocalAsk): RpcResult {
    const observations = this.#observations;
    switch (ask.type) {
      case "discoverAll":
        return formatDiscoverAll(this.device.links, this.#compat);
      case "observeReadAll":
        return formatObserveReadAll(observations, this.#compat);
      case "observeCancelAll":
        this.#observations = [];
        return formatLocalValue(String(observations.length));
      case "observeCancel":
        return (
          this.#cancel({ paths: [ask.path], composite: false }) ?? formatRefusal(REFUSALS.noActiveObservation(ask.id))
        );
      case "observeCompositeCancel":
        return (
          this.#cancel({ paths: ask.paths, composite: true }) ??
          formatRefusal(REFUSALS.noActiveCompositeObservation(ask.ids))
        );
    }
  }

  #cancel(wanted: ObservedPaths): RpcResult | undefined {
    const found = findObservation(this.#observations, wanted);
    if (found === undefined) return undefined;
    this.#observations = this.#observations.filter((observation) => observation !== found);
    return formatLocalValue("1");
  }
}

const METHODS: ReadonlyMap<number, string> = new Map([
  [CODE.GET, "GET"],
  [CODE.PUT, "PUT"],
  [CODE.POST, "POST"],
  [CODE.DELETE, "DELETE"],
]);

function check(server: PaperServer, compat: Compat, [, request, answer, circumstances = {}]: Row): void {
  const { has = {}, after = [], asked, takes = {}, says, now = answer } = circumstances;
  for (const [path, value] of Object.entries(has)) server.device.set(path, value);
  for (const before of after) expect(server.ask(before)).toMatchObject({ result: "CONTENT" });
  expect(server.ask(request, says)).toEqual(compat === "seed" ? answer : now);
  if (asked !== undefined) expect(server.requested()).toMatchObject(asked);
  for (const [path, value] of Object.entries(takes)) {
    expect(server.device.valuesAt(path.split("/").slice(1).map(Number))).toEqual(
      expect.arrayContaining(server.device.parse(path, value)),
    );
  }
}

const numbered = (letter: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${letter}${i + 1}`);
/** The black-box rows that the specification has; its numbers have gaps. B83 is of the profile's observations: no request decides it. */
const BLACK_BOX =
  "1 2 4 5 7 8 10 11 13 14 16 17 19 20 22 23 25 26 28 29 31 32 34 35 37 38 40 41 43 44 46 47 49 50 52 53 55 56 58 59 61 62 64 65 67 68 70 71 73 74 76 77 79 80 82";

it("has every row of the RPC specification that is about a request; C63 is of an association that ended: leshan-dtls.interop.ts", () => {
  const all = [...SEED_ROWS, ...BLACK_BOX_ROWS, ...EVERY_TYPE_ROWS, ...SCRIPTED_ROWS, ...PAPER_ROWS];
  const rows = new Set([...all.map(([row]) => row), ...OTHER_FORMATS_ROWS.map(([, row]) => row)]);
  const expected = [...numbered("S", 30), ...BLACK_BOX.split(" ").map((row) => `B${row}`), ...numbered("C", 62)];
  expect(expected.filter((row) => !rows.has(row))).toEqual([]);
});

describe.each(["seed", "now"] as const)("the rows of the RPC specification on paper, compat %s", (compat) => {
  describe.each([
    ["seed", SEED_ROWS],
    ["black-box", BLACK_BOX_ROWS],
    ["every-type", EVERY_TYPE_ROWS],
  ] as const)("%s", (name, rows) => {
    const profile = name === "every-type" ? "no-keys" : name;
    const server = new PaperServer(new PaperDevice(name, profile), compat);
    it.each(rows.map((row) => [`${row[0]}: ${row[1]}`, row] as const))("%s", (_, row) => check(server, compat, row));
  });

  it.each([
    ...SCRIPTED_ROWS.map((row) => ["seed", row[0], row[1], row] as const),
    ...PAPER_ROWS.map((row) => ["black-box", row[0], row[1], row] as const),
  ])("%s, %s: %s", (name, _, __, row) => check(new PaperServer(new PaperDevice(name, name), compat), compat, row));

  it.each(OTHER_FORMATS_ROWS)("a device that lists %s, %s: %s", (contentFormats, ...row) => {
    check(new PaperServer(new PaperDevice("black-box", "black-box", contentFormats), compat), compat, row);
  });
});
