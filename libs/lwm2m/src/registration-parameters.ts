import { CODE } from "@ferry/coap";

/** LwM2M versions that are served. */
export type LwM2mVersion = "1.0" | "1.1" | "1.2";

/**
 * Letters of `b` by version (OMA LwM2M Core 1.1.1 table 6.2.1.2-1; 1.2 adds MQTT and HTTP).
 *
 * `Q`, the queue mode, is among them in 1.0 only; later versions have a parameter of its own, but clients go on to write it into `b`.
 */
const BINDING_LETTERS: Readonly<Record<LwM2mVersion, string>> = {
  "1.0": "USQ",
  "1.1": "UTSNQ",
  "1.2": "UMHTSNQ",
};
const ALL_BINDING_LETTERS: string = [...new Set(Object.values(BINDING_LETTERS).join(""))].join("");
const DEFAULT_BINDING = "U";
const QUEUE_LETTER = "Q";

/** OMA LwM2M Core 1.1.1 §6.2.1. */
const DEFAULT_LIFETIME_S = 86_400;
const MAX_LIFETIME_S: number = 2 ** 31;

/** Longest endpoint name; a query option cannot hold more (RFC 7252 §5.10). */
const MAX_ENDPOINT_BYTES = 255;
/** Most query parameters that are taken. */
const MAX_PARAMETERS = 32;
/** An MSISDN has at most 15 digits (ITU-T E.164); some devices write more zeros. */
const SMS_NUMBER = /^\+?\d{1,32}$/;

/** The request is to be answered with `refusalCode`; the message is the diagnostic payload. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
  readonly code = "LWM2M_REFUSED";
  /** CoAP code as on the wire. */
  readonly refusalCode: number;

  constructor(refusalCode: number, diagnostic: string) {
    super(diagnostic);
    this.refusalCode = refusalCode;
  }
}

/** Query parameters of a Register. */
export interface RegisterParameters {
  readonly endpoint: string | undefined;
  readonly lifetimeS: number;
  readonly lwm2mVersion: LwM2mVersion;
  readonly binding: string;
  readonly queueMode: boolean;
  readonly smsNumber: string | undefined;
  readonly additionalParameters: Readonly<Record<string, string>>;
}

/** Parses the query of a Register (OMA LwM2M Core 1.1.1 table 6.2.1.2-1). @throws {RefusedError} naming the parameter */
export function parseRegisterParameters(query: readonly string[]): RegisterParameters {
  const parameters = splitParameters(query);
  const lwm2mVersion = parseVersion(take(parameters, "lwm2m"));
  const letters = parseBinding(take(parameters, "b") ?? DEFAULT_BINDING, BINDING_LETTERS[lwm2mVersion], lwm2mVersion);
  const hasQueueParameter = lwm2mVersion !== "1.0" && take(parameters, QUEUE_LETTER) !== undefined;
  return {
    endpoint: parseEndpoint(take(parameters, "ep")),
    lifetimeS: parseLifetime(take(parameters, "lt")) ?? DEFAULT_LIFETIME_S,
    lwm2mVersion,
    binding: letters.replace(QUEUE_LETTER, ""),
    queueMode: hasQueueParameter || letters.includes(QUEUE_LETTER),
    smsNumber: parseSmsNumber(take(parameters, "sms")),
    additionalParameters: Object.fromEntries(parameters),
  };
}

/** Query parameters of an Update; what is absent stays as it was. */
export interface UpdateParameters {
  readonly lifetimeS?: number;
  readonly bindingMode?: string;
  readonly queueMode?: boolean;
  readonly smsNumber?: string;
  readonly additionalParameters: Readonly<Record<string, string>>;
}

/** Parses the query of an Update (OMA LwM2M Core 1.1.1 table 6.2.2-1). @throws {RefusedError} naming the parameter */
export function parseUpdateParameters(query: readonly string[]): UpdateParameters {
  const parameters = splitParameters(query);
  const lifetimeS = parseLifetime(take(parameters, "lt"));
  const binding = take(parameters, "b");
  const letters = binding === undefined ? undefined : parseBinding(binding, ALL_BINDING_LETTERS, undefined);
  const smsNumber = parseSmsNumber(take(parameters, "sms"));
  return {
    ...(lifetimeS !== undefined && { lifetimeS }),
    ...(letters !== undefined && {
      bindingMode: letters.replace(QUEUE_LETTER, ""),
      queueMode: letters.includes(QUEUE_LETTER),
    }),
    ...(smsNumber !== undefined && { smsNumber }),
    additionalParameters: Object.fromEntries(parameters),
  };
}

/** `name=value` or a bare `name`, whose value is then empty. */
export function splitParameters(query: readonly string[]): Map<string, string> {
  if (query.length > MAX_PARAMETERS) throw refused(`${query.length} parameters, at most ${MAX_PARAMETERS} are taken`);
  const parameters = new Map<string, string>();
  for (const parameter of query) {
    const equals = parameter.indexOf("=");
    const name = equals < 0 ? parameter : parameter.slice(0, equals);
    if (parameters.has(name)) throw refused(`${printable(name)} is given twice`);
    parameters.set(name, equals < 0 ? "" : parameter.slice(equals + 1));
  }
  return parameters;
}

export function take(parameters: Map<string, string>, name: string): string | undefined {
  const value = parameters.get(name);
  parameters.delete(name);
  return value;
}

function parseVersion(text: string | undefined): LwM2mVersion {
  if (text === undefined) throw refused("lwm2m is missing");
  if (Object.hasOwn(BINDING_LETTERS, text)) return text as LwM2mVersion; // Its keys are the versions.
  throw new RefusedError(
    CODE.PRECONDITION_FAILED,
    `lwm2m ${printable(text)} is not served: ${Object.keys(BINDING_LETTERS).join(", ")} are`,
  );
}

export function parseEndpoint(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (text === "") throw refused("ep is empty");
  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MAX_ENDPOINT_BYTES)
    throw refused(`ep has ${sizeBytes} bytes, at most ${MAX_ENDPOINT_BYTES} are taken`);
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) throw refused("ep has a control character");
  if (text.includes("\ufffd")) throw refused("ep is not UTF-8");
  return text;
}

function parseLifetime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const lifetimeS = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (lifetimeS >= 1 && lifetimeS <= MAX_LIFETIME_S) return lifetimeS;
  throw refused(`lt ${printable(text)} is not in 1..${MAX_LIFETIME_S}`);
}

function parseBinding(text: string, allowed: string, version: LwM2mVersion | undefined): string {
  if (isBindingMode(text, allowed)) return text;
  throw refused(`b ${printable(text)} is no binding mode${version === undefined ? "" : ` of LwM2M ${version}`}`);
}

/** Whether `text` is a binding mode, also one of `/1/x/7`: letters of those that are allowed, of any version where they are not said. */
export function isBindingMode(text: string, allowed: string = ALL_BINDING_LETTERS): boolean {
  const letters = [...text];
  return (
    letters.length > 0 &&
    letters.every((letter) => allowed.includes(letter)) &&
    new Set(letters).size === letters.length &&
    text !== QUEUE_LETTER
  );
}

function parseSmsNumber(text: string | undefined): string | undefined {
  if (text === undefined || SMS_NUMBER.test(text)) return text;
  throw refused(`sms ${printable(text)} is no phone number`);
}

function refused(diagnostic: string): RefusedError {
  return new RefusedError(CODE.BAD_REQUEST, diagnostic);
}

/** A diagnostic quotes what was sent, but not all of it. */
const MAX_QUOTED_CHARACTERS = 40;

export function printable(text: string): string {
  return JSON.stringify(text.slice(0, MAX_QUOTED_CHARACTERS));
}
