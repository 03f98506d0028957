import { CODE, CONTENT_FORMAT, OPTION, type Received, readUintOption, uriPath, uriQuery } from "@ferry/coap";
import { decodePaths, formatPath, isWithin, parsePath } from "@ferry/lwm2m";
import type { lwm2m } from "@ferry/proto";
import type { DeviceAnswer, TestDevice } from "./transport-fixture.ts";

/** Values of single resources by path: `{ "/3/0/9": 100 }`. */
export type Values = Readonly<Record<string, string | number>>;

const METHODS: Readonly<Record<number, string>> = {
  [CODE.GET]: "GET",
  [CODE.POST]: "POST",
  [CODE.PUT]: "PUT",
  [CODE.DELETE]: "DELETE",
  [CODE.FETCH]: "FETCH",
  [CODE.IPATCH]: "iPATCH",
};

/** A request as one line: `GET /3/0/9 observe`, `PUT /3/0/9?pmin=10`, `FETCH /3/0/9 /3/0/13 observe`. */
export function lineOf(request: Received): string {
  const { code, options } = request;
  const query = uriQuery(options);
  const target = `${pathsOf(request).join(" ")}${query.length === 0 ? "" : `?${query.join("&")}`}`;
  const observe = readUintOption(options, OPTION.OBSERVE) === 0 ? " observe" : "";
  return `${METHODS[code]} ${target}${observe}`;
}

/** What the device was asked, in order. */
export function linesOf({ requests }: TestDevice): string[] {
  return requests.map(lineOf);
}

function pathsOf({ code, options, payload }: Received): string[] {
  const format = readUintOption(options, OPTION.CONTENT_FORMAT) ?? CONTENT_FORMAT.SENML_JSON;
  return code === CODE.FETCH ? decodePaths(format, payload).map(formatPath) : [`/${uriPath(options).join("/")}`];
}

/** Values at and below paths as SenML JSON. */
export function toSenml(values: Values, paths: readonly string[] = Object.keys(values)): string {
  const asked = paths.map(parsePath);
  const records = Object.entries(values).flatMap(([path, value]) =>
    asked.some((ancestor) => isWithin(parsePath(path), ancestor))
      ? [{ n: path, ...(typeof value === "number" ? { v: value } : { vs: value }) }]
      : [],
  );
  return JSON.stringify(records);
}

/** Makes a device answer Read and Observe, single and composite, from `values`, and every write with 2.04. `instead` answers what is to be answered otherwise. */
export function answerValues(
  device: TestDevice,
  values: Values,
  instead: (line: string, request: Received) => DeviceAnswer | "silent" | undefined = () => undefined,
): void {
  device.answer = (request) => {
    const other = instead(lineOf(request), request);
    if (other !== undefined) return other;
    if (request.code === CODE.PUT || request.code === CODE.POST || request.code === CODE.IPATCH)
      return { code: CODE.CHANGED };
    const payload = toSenml(values, pathsOf(request));
    if (payload === "[]" && request.code === CODE.GET) return { code: CODE.NOT_FOUND };
    const observe = readUintOption(request.options, OPTION.OBSERVE) === 0;
    return { code: CODE.CONTENT, payload, format: CONTENT_FORMAT.SENML_JSON, observe };
  };
}

/** Token of the last request that one line says. */
export function tokenOf({ requests }: TestDevice, line: string): Uint8Array {
  const request = requests.findLast((received) => lineOf(received) === line);
  if (request === undefined) throw new TypeError(`the device was not asked ${line}`);
  return request.token;
}

/** Samples as `key=value`, those of one record together. */
export function samplesOf(records: readonly lwm2m.v1.TelemetryRecord.$Properties[]): string[] {
  return records.map(({ samples }) =>
    (samples ?? []).map(({ key, value }) => `${key}=${value?.int64 ?? value?.double ?? value?.string}`).join(" "),
  );
}

/** The lines of a device's communication log. */
export function logOf(records: readonly lwm2m.v1.TelemetryRecord.$Properties[]): string[] {
  return records.flatMap(({ samples }) =>
    (samples ?? []).flatMap(({ key, value }) => (key === "transportLog" ? [value?.string ?? ""] : [])),
  );
}
