import { InvalidAttributesError } from "./errors.ts";
import { formatPath, type LwM2mPath } from "./path.ts";
import { formatDecimal } from "./value.ts";

/**
 * Notification-class attributes of Write-Attributes (OMA LwM2M Core 1.1.1 §5.1.2; the last three came with 1.2, §7.3.2). Times are seconds.
 *
 * `null` clears the attribute on the device (sent without a value); an absent member leaves it as it is.
 */
export interface NotificationAttributes {
  readonly pmin?: number | null;
  readonly pmax?: number | null;
  readonly epmin?: number | null;
  readonly epmax?: number | null;
  readonly gt?: number | null;
  readonly lt?: number | null;
  readonly st?: number | null;
  /** Which change of a Boolean is reported: 0 to false, 1 to true. */
  readonly edge?: number | null;
  /** 1 asks for confirmable notifications, 0 for the others. */
  readonly con?: number | null;
  /** Values that the device keeps while it cannot send. */
  readonly hqmax?: number | null;
}

type AttributeName = keyof NotificationAttributes;

/** What may be said of each attribute, with its assignation levels (OMA LwM2M Core 1.2 §7.3.2, table of NOTIFICATION class attributes); the order is that of the query. */
const ATTRIBUTES: readonly {
  readonly name: AttributeName;
  readonly isWhole: boolean;
  readonly mayBeNegative: boolean;
  /** The only values are 0 and 1. */
  readonly isFlag?: boolean;
  /** Whether an Object or Object Instance can have it, to be inherited by its resources. */
  readonly inherits: boolean;
}[] = [
  { name: "pmax", isWhole: true, mayBeNegative: false, inherits: true },
  { name: "pmin", isWhole: true, mayBeNegative: false, inherits: true },
  { name: "gt", isWhole: false, mayBeNegative: true, inherits: false },
  { name: "lt", isWhole: false, mayBeNegative: true, inherits: false },
  { name: "st", isWhole: false, mayBeNegative: false, inherits: false },
  { name: "epmax", isWhole: true, mayBeNegative: false, inherits: true },
  { name: "epmin", isWhole: true, mayBeNegative: false, inherits: true },
  { name: "edge", isWhole: true, mayBeNegative: false, isFlag: true, inherits: false },
  { name: "con", isWhole: true, mayBeNegative: false, isFlag: true, inherits: true },
  { name: "hqmax", isWhole: true, mayBeNegative: false, inherits: true },
];

/** Names of the attributes that can be written, in the order of the query. */
export const ATTRIBUTE_NAMES: readonly string[] = ATTRIBUTES.map(({ name }) => name);

/** Levels of a path that a non-inherited attribute can be attached to. */
const RESOURCE_LEVEL = 3;

/** What must hold between attributes where both are given. */
const CONDITIONS: readonly {
  readonly names: readonly AttributeName[];
  readonly text: string;
  readonly holds: (...values: number[]) => boolean;
}[] = [
  { names: ["pmin", "pmax"], text: "'pmin'<= 'pmax'", holds: (pmin = 0, pmax = 0) => pmin <= pmax },
  { names: ["epmin", "epmax"], text: "'epmin'<= 'epmax'", holds: (epmin = 0, epmax = 0) => epmin <= epmax },
  { names: ["lt", "gt"], text: "'lt' < 'gt'", holds: (lt = 0, gt = 0) => lt < gt },
  {
    names: ["lt", "gt", "st"],
    text: "('lt' + 2*'st') < 'gt'",
    holds: (lt = 0, gt = 0, st = 0) => lt + 2 * st < gt,
  },
];

/**
 * Checks attributes against the path they are for and against each other (OMA LwM2M Core 1.1.1 §5.1.2, table 5.1.2-2).
 *
 * @throws {InvalidAttributesError}
 */
export function validateAttributes(path: LwM2mPath, attributes: NotificationAttributes): void {
  for (const { name, isWhole, mayBeNegative, isFlag } of ATTRIBUTES) {
    const value = attributes[name];
    if (value === undefined || value === null) continue;
    if (isFlag && value !== 0 && value !== 1) {
      throw new InvalidAttributesError(`'${name}' attribute value must be 0 or 1`);
    }
    if (!Number.isFinite(value) || (isWhole && !Number.isSafeInteger(value))) {
      throw new InvalidAttributesError(`'${name}' attribute value must be a ${isWhole ? "whole number" : "number"}`);
    }
    if (value < 0 && !mayBeNegative) throw new InvalidAttributesError(`'${name}' attribute value must not be negative`);
  }
  const reason = misplaced(path, attributes) ?? brokenCondition(attributes);
  if (reason !== undefined) {
    throw new InvalidAttributesError(`Some attributes are not valid for the path ${formatPath(path)}. ${reason}`);
  }
}

function misplaced(path: LwM2mPath, attributes: NotificationAttributes): string | undefined {
  if (path.length >= RESOURCE_LEVEL) return undefined;
  const found = ATTRIBUTES.find(({ name, inherits }) => !inherits && attributes[name] !== undefined);
  return (
    found &&
    `${found.name} attribute is only applicable to [RESOURCE, RESOURCE_INSTANCE], and so can not be attached to ${formatPath(path)}`
  );
}

function brokenCondition(attributes: NotificationAttributes): string | undefined {
  const broken = CONDITIONS.find(({ names, holds }) => {
    const values = names.map((name) => attributes[name]).filter((value) => typeof value === "number");
    return values.length === names.length && !holds(...values);
  });
  return broken && `Attributes doesn't fulfill ${broken.text} condition`;
}

/** Query parameters of a Write-Attributes, in the order pmax, pmin, gt, lt, st, epmax, epmin, edge, con, hqmax: `["pmax=60", "gt=42.2", "st"]`. */
export function formatAttributes(attributes: NotificationAttributes): string[] {
  return ATTRIBUTES.flatMap(({ name }) => {
    const value = attributes[name];
    if (value === undefined) return [];
    return value === null ? [name] : [`${name}=${formatDecimal(value)}`];
  });
}

/** The inverse of {@link formatAttributes}; the path decides nothing here. @throws {InvalidAttributesError} */
export function parseAttributes(query: readonly string[]): NotificationAttributes {
  const attributes: { -readonly [name in AttributeName]?: number | null } = {};
  for (const parameter of query) {
    const [text = "", valueText] = parameter.split("=", 2);
    const name = ATTRIBUTES.find((attribute) => attribute.name === text)?.name;
    if (name === undefined) throw new InvalidAttributesError(`'${text}' is no notification attribute`);
    if (valueText !== undefined && !/^[+-]?\d+(\.\d+)?$/.test(valueText)) {
      throw new InvalidAttributesError(`'${name}' attribute value must be a number`);
    }
    attributes[name] = valueText === undefined ? null : Number(valueText);
  }
  return attributes;
}
