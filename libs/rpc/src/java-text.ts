import { isJsonObject, type Json, JsonNumber } from "./json.ts";

/**
 * Text of a double as results print it: plain with at least one fraction digit from 10^-3 to below 10^7, else `1.0E10`.
 * The digits are the fewest that tell the double from its neighbours, but at least two.
 */
export function formatJavaDouble(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const shortest = value.toExponential();
  // With a single digit to choose from, the nearest of two digits may be another: 4.9E-324 for 5e-324.
  const [mantissa, exponentText] = (shortest.includes(".") ? shortest : value.toExponential(1)).split("e") as [
    string,
    string,
  ];
  const exponent = Number(exponentText);
  if (exponent < -3 || exponent >= 7) return `${mantissa}E${exponent}`;
  return plain(mantissa, exponent);
}

/** Moves the point of `d.ddd` by `exponent` digits. */
function plain(mantissa: string, exponent: number): string {
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace("-", "").replace(".", "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits.replace(/0+$/, "")}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1).replace(/0+$/, "");
  return `${sign}${whole}.${fraction || "0"}`;
}

/** Most digits of an integer that is looked at; longer ones are quoted as they are. */
const MAX_DIGITS = 100;
/** Deepest level of a value that is quoted. */
const MAX_DEPTH = 16;

/** A JSON value as refusals quote it: `{0=abc, 1=5}`, `[1, 2]`, `5.0`. */
export function formatJavaValue(value: Json, depth = 0): string {
  if (typeof value === "string") return value;
  if (value instanceof JsonNumber) return formatNumber(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (depth === MAX_DEPTH) return "…";
  if (!isJsonObject(value)) return `[${value.map((item) => formatJavaValue(item, depth + 1)).join(", ")}]`;
  const members = Object.entries(value).map(([name, member]) => `${name}=${formatJavaValue(member, depth + 1)}`);
  return `{${members.join(", ")}}`;
}

function formatNumber({ source, isInteger }: JsonNumber): string {
  if (!isInteger) return formatJavaDouble(Number(source));
  return source.length > MAX_DIGITS ? source : BigInt(source).toString();
}

/** Name of a JSON value's class as refusals have it. */
export function javaClassName(value: Json): string {
  if (typeof value === "string") return "String";
  if (typeof value === "boolean") return "Boolean";
  if (value instanceof JsonNumber) return numberClassName(value);
  if (value === null) return "null";
  return isJsonObject(value) ? "LinkedHashMap" : "ArrayList";
}

function numberClassName({ source, isInteger }: JsonNumber): string {
  if (!isInteger) return "Double";
  if (source.length > MAX_DIGITS) return "BigInteger";
  const integer = BigInt(source);
  if (integer === BigInt.asIntN(32, integer)) return "Integer";
  return integer === BigInt.asIntN(64, integer) ? "Long" : "BigInteger";
}
