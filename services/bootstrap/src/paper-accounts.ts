import { CODE, CONTENT_FORMAT, type CoapOption, OPTION, readUintOption, uintOption, uriPath } from "@ferry/coap";
import {
  type BootstrapOperation,
  type CoapRequest,
  type CoapResponse,
  decodeContent,
  encodeContent,
  ModelRegistry,
  type ModelView,
  type ObjectInstanceNode,
  type TargetBootstrapAccount,
  type TargetServerAccount,
} from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";

/** An account of a server, for tests. */
export function serverAccount(shortServerId: number, more: Partial<TargetServerAccount> = {}): TargetServerAccount {
  return {
    uri: `coap://server-${shortServerId}.example.org:5683`,
    keys: { type: "noSec" },
    holdOffS: 1,
    shortServerId,
    lifetimeS: 300,
    minPeriodS: 1,
    maxPeriodS: undefined,
    disableTimeoutS: undefined,
    storesNotifications: true,
    binding: "U",
    ...more,
  };
}

/** An account of the bootstrap server, for tests. */
export const BOOTSTRAP_ACCOUNT: TargetBootstrapAccount = {
  uri: "coaps://bs.example.org:5688",
  keys: { type: "psk", identity: "bs-1", key: Uint8Array.of(1, 2, 3) },
  holdOffS: 5,
  accountTimeoutS: 0,
};

/** An instance as the device has it: values by resource id, as text. */
export type PaperInstance = ReadonlyMap<number, string>;

const models: ModelView = new ModelRegistry(loadCoreModels()).view("default", {
  objects: new Map([0, 1, 3].map((id) => [id, { version: "1.0", instances: [] }])),
});

/** Short server ids: resource 10 of Security, 0 of Server. */
const SHORT_SERVER_ID: Readonly<Record<number, number>> = { 0: 10, 1: 0 };
const SECURITY = 0;
const SERVER = 1;
const IS_BOOTSTRAP_SERVER = 1;

/** How a {@link PaperDevice} differs from one that does all as it should. */
export interface Habits {
  /** How Discover says the version: a link, or as LwM2M 1.0 has it; empty: it does not. */
  readonly versionText: string;
  /** Whether a Write leaves the resources that it does not name, which some clients do. */
  readonly merges: boolean;
  /** Instances that Discover does not list. */
  readonly hidden: readonly string[];
  /** Instances whose link has no `ssid` though they have one. */
  readonly unnamed: readonly string[];
}

/** The objects of a device while it bootstraps, on paper: all that a plan can touch. Instances are by path, `0/1`. */
export class PaperDevice {
  readonly instances: Map<string, PaperInstance>;
  readonly #habits: Habits;

  constructor(instances: Iterable<readonly [string, PaperInstance]>, habits: Partial<Habits> = {}) {
    this.instances = new Map(instances);
    this.#habits = { versionText: "</>;lwm2m=1.1", merges: false, hidden: [], unnamed: [], ...habits };
  }

  /** The links that it answers Discover with. */
  get links(): string {
    const links = [...this.instances].flatMap(([path, values]) => {
      if (this.#habits.hidden.includes(path)) return [];
      const objectId = Number(path.split("/")[0]);
      const shortServerId = values.get(SHORT_SERVER_ID[objectId] ?? Number.NaN);
      const isNamed = shortServerId !== undefined && !this.#habits.unnamed.includes(path);
      return [`</${path}>${isNamed ? `;ssid=${shortServerId}` : ""}`];
    });
    return [this.#habits.versionText, ...links].filter((link) => link !== "").join(",");
  }

  /** The state, to compare: instances in order of their paths. */
  get state(): readonly (readonly [string, PaperInstance])[] {
    return [...this.instances].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Performs an operation as a client does; a 2.xx code, or why not. */
  perform(operation: BootstrapOperation): number {
    if (operation.type === "delete") {
      const path = operation.path.join("/");
      // OMA LwM2M Core 1.1.1 §6.1.7.6, as Leshan answers it.
      if (this.#isBootstrapAccount(path)) return CODE.BAD_REQUEST;
      return this.instances.delete(path) ? CODE.DELETED : CODE.NOT_FOUND;
    }
    if (operation.type !== "write" || operation.node.type !== "objectInstance") return CODE.METHOD_NOT_ALLOWED;
    this.#write(operation.path.join("/"), operation.node);
    return CODE.CHANGED;
  }

  /** Answers a request of the bootstrap interface, whatever its format. */
  answer({ code, options, payload }: CoapRequest): CoapResponse {
    const path = uriPath(options).map(Number);
    if (code === CODE.GET && path.length === 0)
      return response(CODE.CONTENT, CONTENT_FORMAT.LINK_FORMAT, bytesOf(this.links));
    if (code === CODE.GET) return this.#readServers();
    if (code === CODE.DELETE) return response(this.perform({ type: "delete", path }));
    if (code === CODE.PUT) {
      const format = readUintOption(options, OPTION.CONTENT_FORMAT) ?? CONTENT_FORMAT.LWM2M_TLV;
      return response(this.perform({ type: "write", path, node: decodeContent(format, payload, path, models) }));
    }
    return response(CODE.CHANGED);
  }

  #readServers(): CoapResponse {
    const ids = [...this.instances].filter(([path]) => path.startsWith("1/"));
    const instances = ids.map(([path, values]): ObjectInstanceNode => {
      const value = { type: "INTEGER", value: Number(values.get(0)) } as const;
      return {
        type: "objectInstance",
        id: Number(path.slice(2)),
        resources: [{ type: "singleResource", id: 0, value }],
      };
    });
    const payload = encodeContent(CONTENT_FORMAT.LWM2M_TLV, { type: "object", id: SERVER, instances }, [SERVER]);
    return response(CODE.CONTENT, CONTENT_FORMAT.LWM2M_TLV, payload);
  }

  #isBootstrapAccount(path: string): boolean {
    return path.startsWith(`${SECURITY}/`) && this.instances.get(path)?.get(IS_BOOTSTRAP_SERVER) === "true";
  }

  #write(path: string, node: ObjectInstanceNode): void {
    const written = node.resources.map((resource): [number, string] => [
      resource.id,
      resource.type === "singleResource" ? textOf(resource.value.value) : "",
    ]);
    const before = this.#habits.merges ? [...(this.instances.get(path) ?? [])] : [];
    this.instances.set(path, new Map([...before, ...written]));
  }
}

function textOf(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : String(value);
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function response(code: number, format?: number, payload: Uint8Array = new Uint8Array()): CoapResponse {
  const options: CoapOption[] = format === undefined ? [] : [uintOption(OPTION.CONTENT_FORMAT, format)];
  return { code, options, payload };
}
