import type { LwM2mPath } from "./path.ts";

/**
 * Notification-class attributes of Write-Attributes (OMA LwM2M Core 1.1.1 §5.1.2). Times are seconds.
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
}

/** Checks attributes against the path they are for and against each other. @throws {InvalidAttributesError} */
export declare function validateAttributes(path: LwM2mPath, attributes: NotificationAttributes): void;
/** Query parameters of a Write-Attributes, in the order pmax, pmin, gt, lt, st, epmax, epmin: `["pmax=60", "pmin"]`. */
export declare function formatAttributes(attributes: NotificationAttributes): string[];
/** The inverse of {@link formatAttributes}. @throws {InvalidAttributesError} */
export declare function parseAttributes(query: readonly string[]): NotificationAttributes;
