import { isTimeMs } from "@ferry/lwm2m";

/** Prints a time, given in ms since 1970. */
export type FormatTime = (timeMs: number) => string;

/**
 * Abbreviations of zones by their English names. `Intl` has most of them only for some locales, and "GMT+3" for the rest.
 */
const ABBREVIATIONS: { readonly [name: string]: string } = {
  "Coordinated Universal Time": "UTC",
  "Greenwich Mean Time": "GMT",
  "British Summer Time": "BST",
  "Irish Standard Time": "IST",
  "Western European Standard Time": "WET",
  "Western European Summer Time": "WEST",
  "Central European Standard Time": "CET",
  "Central European Summer Time": "CEST",
  "Eastern European Standard Time": "EET",
  "Eastern European Summer Time": "EEST",
  "Moscow Standard Time": "MSK",
  "Israel Standard Time": "IST",
  "Israel Daylight Time": "IDT",
  "East Africa Time": "EAT",
  "Central Africa Time": "CAT",
  "West Africa Standard Time": "WAT",
  "South Africa Standard Time": "SAST",
  "Pakistan Standard Time": "PKT",
  "India Standard Time": "IST",
  "Western Indonesia Time": "WIB",
  "China Standard Time": "CST",
  "Hong Kong Standard Time": "HKT",
  "Japan Standard Time": "JST",
  "Korean Standard Time": "KST",
  "Australian Western Standard Time": "AWST",
  "Australian Central Standard Time": "ACST",
  "Australian Central Daylight Time": "ACDT",
  "Australian Eastern Standard Time": "AEST",
  "Australian Eastern Daylight Time": "AEDT",
  "New Zealand Standard Time": "NZST",
  "New Zealand Daylight Time": "NZDT",
  "Newfoundland Standard Time": "NST",
  "Newfoundland Daylight Time": "NDT",
  "Atlantic Standard Time": "AST",
  "Atlantic Daylight Time": "ADT",
  "Eastern Standard Time": "EST",
  "Eastern Daylight Time": "EDT",
  "Central Standard Time": "CST",
  "Central Daylight Time": "CDT",
  "Mountain Standard Time": "MST",
  "Mountain Daylight Time": "MDT",
  "Pacific Standard Time": "PST",
  "Pacific Daylight Time": "PDT",
  "Alaska Standard Time": "AKST",
  "Alaska Daylight Time": "AKDT",
  "Hawaii-Aleutian Standard Time": "HST",
  "Hawaii-Aleutian Daylight Time": "HDT",
  "Brasilia Standard Time": "BRT",
  "Argentina Standard Time": "ART",
};

/**
 * Prints times as `Thu Jul 01 16:39:49 EEST 2021` in an IANA zone.
 *
 * The abbreviation is that of the zone's rules today, also for times when others held: the form that results have.
 * @throws {RangeError} when there is no such zone
 */
export function createTimeFormat(zone: string): FormatTime {
  const fields = fieldsOf(zone);
  const [standard, daylight] = abbreviationsOf(zone, fields);
  return (timeMs) => {
    if (!isTimeMs(timeMs)) return String(timeMs);
    const { weekday, month, day, hour, minute, second, year } = fields(timeMs);
    const name = offsetMs(fields, timeMs) > standardOffsetMs(fields, timeMs) ? daylight : standard;
    return `${weekday} ${month} ${day} ${hour}:${minute}:${second} ${name} ${year?.padStart(4, "0")}`;
  };
}

type Fields = (timeMs: number) => { readonly [field: string]: string };

function fieldsOf(timeZone: string): Fields {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    weekday: "short",
    year: "numeric",
    month: "short",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    hourCycle: "h23",
  });
  return (timeMs) => Object.fromEntries(format.formatToParts(timeMs).map(({ type, value }) => [type, value]));
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** How far the zone's clocks are ahead of UTC. */
function offsetMs(fields: Fields, timeMs: number): number {
  const { month, day, hour, minute, second, year } = fields(timeMs);
  const clock = new Date(0);
  clock.setUTCFullYear(Number(year), MONTHS.indexOf(month ?? ""), Number(day));
  clock.setUTCHours(Number(hour), Number(minute), Number(second));
  return clock.getTime() - Math.floor(timeMs / 1000) * 1000;
}

/** The lesser of the offsets in January and July of that year. */
function standardOffsetMs(fields: Fields, timeMs: number): number {
  const year = Number(fields(timeMs).year);
  return Math.min(offsetMs(fields, Date.UTC(year, 0, 1)), offsetMs(fields, Date.UTC(year, 6, 1)));
}

/** Names of standard and daylight time; equal where the zone has no daylight time today. */
function abbreviationsOf(zone: string, fields: Fields): [standard: string, daylight: string] {
  const [january, july] = [Date.UTC(2021, 0, 1), Date.UTC(2021, 6, 1)];
  const names = new Intl.DateTimeFormat("en-US", { timeZone: zone, timeZoneName: "long" });
  const [first, second] = [january, july].map((timeMs) => {
    const name = names.formatToParts(timeMs).find(({ type }) => type === "timeZoneName")?.value ?? zone;
    return ABBREVIATIONS[name] ?? name;
  }) as [string, string];
  return offsetMs(fields, january) <= offsetMs(fields, july) ? [first, second] : [second, first];
}
