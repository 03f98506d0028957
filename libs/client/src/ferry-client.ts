import type { ProvisioningDocument, PublishOutcome, RecordChange } from "@ferry/provisioning";
import type { BootstrapSummary, RecordRef } from "@ferry/state";

/** A request to a device, as a caller gives it. */
export interface RpcCall {
  readonly endpoint: string;
  /** `default` when absent. */
  readonly tenant?: string;
  readonly method: string;
  /** Parameters of the method, as JSON text or an object; none when absent. */
  readonly params?: string | { readonly [name: string]: unknown };
  /** How long the answer may take, ms. */
  readonly timeoutMs: number;
  /** Answer UNREACHABLE at once instead of waiting for the device. */
  readonly failFast?: boolean;
  /** The answer comes when the request has been sent; what became of it is not told. */
  readonly oneWay?: boolean;
  /** The request also waits for a device that is not registered. */
  readonly persistent?: boolean;
  /** How often a request that timed out is tried again, when the device is heard. */
  readonly retries?: number;
}

/** What a resource of a device is to be. */
export interface DesiredValue {
  readonly endpoint: string;
  /** `default` when absent. */
  readonly tenant?: string;
  /** Key name that the device's profile gives the resource. */
  readonly key: string;
  /** A scalar, or an object by Resource Instance id; null withdraws what was desired. Text stands for every type: a whole number beyond 2^53 is written so. */
  readonly value: string | number | boolean | { readonly [instance: string]: unknown } | null;
}

/** The final answer: the flat JSON of lwm2m.rpc.response.v1. */
export interface RpcAnswer {
  readonly requestId: string;
  readonly tenant: string;
  readonly endpoint: string;
  readonly status: string;
  readonly result?: string;
  readonly value?: string;
  readonly error?: string;
  readonly [member: string]: unknown;
}

/** A registered device. Times are ms since 1970. */
export interface DeviceSummary {
  readonly tenant: string;
  readonly endpoint: string;
  readonly registrationId: string;
  readonly lwm2mVersion: string;
  readonly profile: string;
  readonly peer: string;
  readonly lifetimeS: number;
  readonly registeredAtMs: number;
  /** How it proved who it is. */
  readonly securityMode: "NO_SEC" | "PSK" | "RPK" | "X509";
}

/** A registered device, as its node told of it last. */
export interface DeviceDetails extends DeviceSummary {
  readonly bindingMode: string;
  readonly queueMode: boolean;
  /** Objects and Object Instances as the device sent them (RFC 6690). */
  readonly objectLinks: string;
  /** Paths of each of its observations. */
  readonly observations: readonly (readonly string[])[];
  /** The node, and when it told: when the device registered or changed its registration, an observation was made or ended, or its DTLS association changed. */
  readonly node: string;
  readonly toldAtMs: number;
  /** The DTLS association by which it was last heard; absent without DTLS, or when that is not known. */
  readonly association?: {
    /** IANA name of the cipher suite. */
    readonly suite: string;
    /** Its records carry a Connection ID (RFC 9146): its address may change. */
    readonly hasCid: boolean;
    /** When its handshake ended. */
    readonly createdAtMs: number;
  };
}

/** What can be followed. */
export const STREAMS = [
  "telemetry",
  "attributes",
  "lifecycle",
  "bootstrap",
  "rpcRequest",
  "rpcResponse",
  "rpcStatus",
  "deadLetter",
] as const;

/** One of `STREAMS`. */
export type Stream = (typeof STREAMS)[number];

/** A record of a stream, in the JSON form of its message. */
export interface StreamRecord {
  readonly stream: Stream;
  readonly key: string | null;
  readonly timestampMs: number;
  /** The message; for dead letters its headers. */
  readonly value: { readonly [member: string]: unknown };
}

/** Which records of a stream are wanted. */
export interface TailOptions {
  readonly from: "earliest" | "latest";
  readonly tenant?: string;
  readonly endpoint?: string;
  readonly signal: AbortSignal;
  readonly onRecord: (record: StreamRecord) => void;
  /** Called once when records are being followed. */
  readonly onReady?: () => void;
}

/**
 * What people and scripts do with a running Ferry: directly on the bus, or through the console's HTTP API.
 *
 * Everything fails with `BusUnavailableError` or `ApiError` when that cannot be reached.
 */
export interface FerryClient {
  /** @throws {NoAnswerError} nobody answered in time */
  rpc(call: RpcCall): Promise<RpcAnswer>;
  /**
   * Resolves when the value is on the bus: it is written when the device can be reached.
   *
   * @throws {InvalidValueError} no device or key can be called so, or no value be so large
   */
  desire(desired: DesiredValue): Promise<void>;
  devices(tenant?: string): Promise<readonly DeviceSummary[]>;
  /** One device; undefined when it is not registered. `tenant`: `default` when absent. */
  device(endpoint: string, tenant?: string): Promise<DeviceDetails | undefined>;
  /** The last bootstrap of a device; undefined when none is known. `tenant`: `default` when absent. */
  bootstrap(endpoint: string, tenant?: string): Promise<BootstrapSummary | undefined>;
  /** Resolves when `signal` aborts. */
  tail(stream: Stream, options: TailOptions): Promise<void>;
  /** @throws {ProvisioningTimeoutError} nobody says in time what became of the documents */
  apply(
    documents: readonly ProvisioningDocument[],
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]>;
  remove(
    records: readonly RecordRef[],
    onOutcome: (outcome: PublishOutcome) => void,
  ): Promise<readonly PublishOutcome[]>;
  /** What is declared, as YAML documents with secrets masked. */
  get(kind?: RecordRef["kind"]): Promise<readonly DeclaredDocument[]>;
  /** How what is declared would change. */
  diff(documents: readonly ProvisioningDocument[]): Promise<readonly RecordChange[]>;
  stop(): Promise<void>;
}

/** Something declared, as text. */
export interface DeclaredDocument extends RecordRef {
  readonly yaml: string;
}
