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
