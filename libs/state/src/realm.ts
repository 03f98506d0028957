/**
 * Whose DTLS associations and sessions they are: the LwM2M servers' or the bootstrap server's. Each realm has an `AssociationStore` of its own, and nothing of one
 * is found in the other: a device may have an association in both.
 */
export type Realm = "server" | "bootstrap";
