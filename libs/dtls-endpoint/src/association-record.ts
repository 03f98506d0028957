/** Keys under which associations and sessions lie in the store; see `sealingOf`. */
export interface AssociationSealing {
  /** Id of the key that seals. */
  readonly current: string;
}
