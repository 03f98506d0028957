import { type IncomingRecord, readTable } from "@ferry/bus";
import { lwm2m, rpcStateKey, TOPICS, toSafeNumber } from "@ferry/proto";
import { type DeviceState, type DeviceStore, OPEN_MEMORY_MS, SHARDS, type ShardRequest } from "@ferry/state";
import { finish } from "./finish.ts";
import type { RouterPorts } from "./ports.ts";
import { publishFinished } from "./progress.ts";
import type { Restored, Restoring, Source } from "./restoring.ts";
import type { Answer } from "./route.ts";
import { type Accepted, digestOf } from "./route-requests.ts";

/** Shards that are asked for their open requests at a time, and requests per answer. */
const SHARDS_AT_ONCE = 128;
const PAGE = 200;

/** An open request as lwm2m.rpc.state.v1 has it. */
interface OnRecord {
  readonly source: Source;
  readonly open: Accepted;
  readonly acceptedAtMs: number;
  readonly dispatched: boolean;
}

/** What may have been carried out, and the answer to which is lost with the store. */
const INDETERMINATE: Answer = {
  status: "INDETERMINATE",
  result: "",
  error: "The operation may have been carried out: Redis was emptied or rolled back after it had been sent",
};

/**
 * Reads lwm2m.rpc.state.v1 back into the store: what was accepted is open again, in the order of acceptance and with its deadline; what was dispatched ends
 * INDETERMINATE. Answers the devices that something waits for, whose nodes are to be told. What a rolled-back store has open and Kafka knows to have its final answer is forgotten. `onOpen` is told of each request that waits for its answer again.
 */
export async function restoreRequests(
  onOpen: (request: Accepted) => void,
  restoring: Restoring,
): Promise<readonly DeviceState[]> {
  const { ports, signal } = restoring;
  const ended = new EndedMeanwhile(await openRequests(ports.devices));
  const topic = ports.settings.topicPrefix + TOPICS.rpcState.name;
  const dispatched = new Dispatched();
  const onRecord = (record: IncomingRecord): void => {
    ended.note(record);
    dispatched.note(record);
  };
  const records = await readTable(ports.bus, topic, { onRecord, signal });
  for (const { tombstone, device, requestId } of ended.requests()) {
    await restoring.put("request", tombstone, async () => {
      await ports.devices.close({ device, requestId, nowMs: ports.clock() });
      return "ended";
    });
  }
  const haveWork: DeviceState[] = [];
  const { requests, damaged } = byDevice(records.values(), dispatched);
  for (const record of damaged) await restoring.put("request", record, async () => "damaged");
  for (const ofDevice of requests.values()) {
    let state: DeviceState | undefined;
    for (const request of ofDevice) {
      await restoring.put("request", request.source, async () => {
        const outcome = await restoreRequest(request, onOpen, ports);
        state = outcome.state ?? state;
        return outcome.type;
      });
    }
    if (state !== undefined && state.waiting.requests > 0) haveWork.push(state);
  }
  return haveWork;
}

/** Requests that the store has open and whose last record is a tombstone: they ended after the copy was made to which it was rolled back. */
class EndedMeanwhile {
  readonly #open: ReadonlyMap<string, ShardRequest>;
  readonly #tombstones = new Map<string, IncomingRecord>();

  constructor(open: readonly ShardRequest[]) {
    this.#open = new Map(open.map((each) => [keyOf(each), each]));
  }

  note(record: IncomingRecord): void {
    const { key, value } = record;
    if (key === null || !this.#open.has(key)) return;
    if (value === null) this.#tombstones.set(key, record);
    else this.#tombstones.delete(key);
  }

  requests(): (ShardRequest & { readonly tombstone: IncomingRecord })[] {
    return [...this.#tombstones].flatMap(([key, tombstone]) => {
      const open = this.#open.get(key);
      return open === undefined ? [] : [{ ...open, tombstone }];
    });
  }
}

/**
 * Requests that went on record as DISPATCHED and did not end since, whatever follows: a router that hands a request over once more, or is slow to note that
 * it accepted it, puts ACCEPTED behind what the owner wrote.
 */
class Dispatched {
  readonly #keys = new Set<string>();

  note({ key, value }: IncomingRecord): void {
    if (key === null) return;
    if (value === null) this.#keys.delete(key);
    else if (decode(value)?.state === lwm2m.v1.RpcState.RPC_STATE_DISPATCHED) this.#keys.add(key);
  }

  has(key: string): boolean {
    return this.#keys.has(key);
  }
}

function keyOf({ device: { tenant, endpoint }, requestId }: ShardRequest): string {
  return rpcStateKey(tenant, endpoint, requestId);
}

/** What is open in the whole store: little in one that was emptied. */
async function openRequests(devices: DeviceStore): Promise<ShardRequest[]> {
  const open: ShardRequest[] = [];
  for (let first = 0; first < SHARDS; first += SHARDS_AT_ONCE) {
    const shards = Array.from({ length: Math.min(SHARDS_AT_ONCE, SHARDS - first) }, (_, index) => first + index);
    open.push(...(await Promise.all(shards.map((shard) => openInShard(devices, shard)))).flat());
  }
  return open;
}

async function openInShard(devices: DeviceStore, shard: number): Promise<ShardRequest[]> {
  const open: ShardRequest[] = [];
  for (;;) {
    const page = await devices.listOpenRequests({ shard, limit: PAGE, offset: open.length });
    open.push(...page.requests);
    if (!page.more) return open;
  }
}

/** What became of a request, and the device's state where the request waits for the device. */
async function restoreRequest(
  { open, acceptedAtMs, dispatched }: OnRecord,
  onOpen: (request: Accepted) => void,
  ports: RouterPorts,
): Promise<{ readonly type: Restored; readonly state?: DeviceState | undefined }> {
  const { devices, clock } = ports;
  if (clock() >= open.expiresAtMs + OPEN_MEMORY_MS) {
    // No store has it open any more: its tombstone was lost.
    await publishFinished(open, ports);
    return { type: "ended" };
  }
  const outcome = await devices.reopen({ device: open.device, open, acceptedAtMs, dispatched, nowMs: clock() });
  if (outcome.type === "finished") {
    await publishFinished(open, ports); // Who decided the answer did not come to it.
    return { type: "ended" };
  }
  if (outcome.type === "reopened" && dispatched) {
    await finish(open, INDETERMINATE, ports);
    return { type: "ended" };
  }
  onOpen(open);
  return { type: outcome.type === "reopened" ? "restored" : "known", state: outcome.state };
}

function byDevice(
  records: Iterable<IncomingRecord>,
  dispatched: Dispatched,
): {
  readonly requests: ReadonlyMap<string, readonly OnRecord[]>;
  readonly damaged: readonly IncomingRecord[];
} {
  const requests = new Map<string, OnRecord[]>();
  const damaged: IncomingRecord[] = [];
  for (const record of records) {
    const read = onRecord(record, dispatched);
    if (read === undefined) {
      damaged.push(record);
      continue;
    }
    const name = `${read.open.device.tenant}/${read.open.device.endpoint}`;
    const known = requests.get(name);
    if (known === undefined) requests.set(name, [read]);
    else known.push(read);
  }
  return { requests, damaged };
}

/** `undefined` when its bytes are damaged or say another request than its key. */
function onRecord(source: IncomingRecord, dispatched: Dispatched): OnRecord | undefined {
  const { key, value, timestampMs } = source;
  const record = decode(value ?? new Uint8Array());
  if (record === undefined) return undefined;
  const { tenant, endpoint, requestId, method, params, expiresAtMs, failFast } = lwm2m.v1.RpcRequest.create(
    record.request ?? {},
  );
  if (key !== rpcStateKey(tenant, endpoint, requestId)) return undefined;
  return {
    source,
    open: {
      device: { tenant, endpoint },
      requestId,
      request: lwm2m.v1.RpcRequest.encode(record.request ?? {}).finish(),
      contentType: record.contentType,
      expiresAtMs: toSafeNumber(expiresAtMs),
      failFast,
      digest: digestOf({ method, params }),
    },
    // The record is written in the step that accepts: requests of one device follow one another, each after the record of the one before.
    acceptedAtMs: timestampMs,
    dispatched: dispatched.has(key),
  };
}

/** `undefined` when its bytes are damaged. */
function decode(value: Uint8Array): lwm2m.v1.RpcStateRecord | undefined {
  try {
    return lwm2m.v1.RpcStateRecord.decode(value);
  } catch {
    // protobufjs throws Error, RangeError and TypeError for bytes that are no message.
    return undefined;
  }
}
