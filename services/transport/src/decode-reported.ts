import { type CoapOption, OPTION, readUintOption } from "@ferry/coap";
import { assumedCompositeFormat, assumedFormat, type DecodedPack, decodePack, isWithin } from "@ferry/lwm2m";
import type { PathGroup } from "@ferry/profile";
import type { Serving } from "./serving.ts";

/** The answer or notification in which a device reports values. */
export interface Report {
  readonly options: readonly CoapOption[];
  readonly payload: Uint8Array;
}

/** What is good of a report, and what is wrong with the rest. */
export interface Reported extends DecodedPack {
  /** Values of which nobody asked for; they are left out. */
  readonly stray: number;
}

/** What a report is in: what the device says, else what it must be. `composite`: its values have their full names. */
export function reportedFormat(
  { options, payload }: Report,
  [path = []]: PathGroup,
  composite: boolean,
  { models }: Serving,
): number {
  const said = readUintOption(options, OPTION.CONTENT_FORMAT);
  return said ?? (composite ? assumedCompositeFormat(payload) : assumedFormat(path, models));
}

/**
 * Decodes what a device reports of `paths`. Times that it tells relatively are of `nowMs`, ms since 1970.
 *
 * @throws {UndecodableContentError} when nothing of it is good
 */
export function decodeReported(
  report: Report,
  paths: PathGroup,
  composite: boolean,
  serving: Serving,
  nowMs: number,
): Reported {
  const { models, supported } = serving;
  const [path = []] = paths;
  const format = reportedFormat(report, paths, composite, serving);
  const pack = decodePack(format, report.payload, composite ? [] : path, models, nowMs, supported.rootPath);
  const { values, faults } = pack;
  if (!composite) return { values, faults, stray: 0 };
  const asked = values.filter((value) => paths.some((wanted) => isWithin(value.path, wanted)));
  return { values: asked, faults, stray: values.length - asked.length };
}
