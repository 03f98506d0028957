/** A credential identity, unique in the system: how the tenant of an unknown peer is found. */
export type CredentialIdentity =
  | { readonly type: "noSec"; readonly endpoint: string }
  | { readonly type: "psk"; readonly identity: string }
  | { readonly type: "publicKey"; readonly sha256Hex: string }
  /** A name, or a pattern of names, in the certificates of a CA: by the CA's distinguished name, which is all that a certificate says of its issuer. */
  | { readonly type: "certificateName"; readonly issuerSha256Hex: string; readonly endpoint: string }
  /** A CA, by its public key. It is a tenant's: any record of that tenant may name it, none of another. */
  | { readonly type: "ca"; readonly sha256Hex: string };

/** One provisioning record in the read model. */
export interface StoredRecord {
  readonly kind: "model" | "profile" | "device" | "credential";
  readonly tenant: string;
  readonly id: string;
  /** `lwm2m.v1.ProvisioningRecord`. */
  readonly value: Uint8Array;
  /** Offset in lwm2m.provisioning.v1. */
  readonly offset: number;
}

/** Names a record. */
export type RecordRef = Pick<StoredRecord, "kind" | "tenant" | "id">;

/** What there is under a device's own name. */
export interface DeviceRecords {
  /** The `device` record. */
  readonly record: StoredRecord | undefined;
  /** The `credential` record: what was generated for it. */
  readonly generated: StoredRecord | undefined;
}

/** What became of a `put`. */
export type PutOutcome =
  | { readonly type: "stored" }
  | {
      readonly type: "identityTaken";
      readonly identity: CredentialIdentity;
      readonly by: { readonly tenant: string; readonly id: string };
    };

/** The read model of the provisioning topic: rebuildable, written only by the materialiser. */
export interface ProvisioningStore {
  /**
   * Stores a record and the identities that belong to it, in place of those that it had before.
   *
   * The first offset owns an identity: answers the record that holds it when it is another's, and stores nothing. A CA is its tenant's.
   * A device and its credential (same tenant and id) share their identities. A record older than the stored one changes nothing.
   */
  put(record: StoredRecord, identities: readonly CredentialIdentity[]): Promise<PutOutcome>;
  remove(record: RecordRef): Promise<boolean>;
  get(kind: StoredRecord["kind"], tenant: string, id: string): Promise<StoredRecord | undefined>;
  /** A device's record and what was generated for it, as they are at one moment. */
  deviceRecords(tenant: string, id: string): Promise<DeviceRecords>;
  list(kind: StoredRecord["kind"], tenant?: string): Promise<readonly StoredRecord[]>;
  /** What there is of the device that owns an identity, at least one of the two; which patterns a name fits is not looked at here. */
  deviceByIdentity(identity: CredentialIdentity): Promise<DeviceRecords | undefined>;
  /** Offset up to which the read model is known to be gap-free, -1 of an empty topic; `undefined` when it must be rebuilt from the beginning. */
  position(): Promise<number | undefined>;
  setPosition(offset: number): Promise<void>;
}

/** One text per identity, such as `psk:meter-1`. */
export function identityText(identity: CredentialIdentity): string {
  switch (identity.type) {
    case "noSec":
      return `noSec:${identity.endpoint}`;
    case "psk":
      return `psk:${identity.identity}`;
    case "publicKey":
      return `publicKey:${identity.sha256Hex}`;
    case "certificateName":
      return `certificateName:${identity.issuerSha256Hex}:${identity.endpoint}`;
    case "ca":
      return `ca:${identity.sha256Hex}`;
  }
}

/** Whether the records of one tenant share an identity, so that only another tenant's stands in the way. */
export function isShared(identity: string): boolean {
  return identity.startsWith("ca:");
}
