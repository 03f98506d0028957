import { CONTENT_TYPE, encodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import type { AcceptOutcome, DeviceRef } from "@ferry/state";
import type { TransportNode } from "./service.ts";
import { collect, type System } from "./transport-fixture.ts";

/** What a test says of a request. */
export interface Asked {
  readonly requestId: string;
  /** `ep-1` when it does not say. */
  readonly endpoint?: string;
  readonly method: string;
  readonly params?: object;
  readonly expiresInMs?: number;
  readonly oneWay?: boolean;
  readonly persistent?: boolean;
  readonly retries?: number;
  readonly failFast?: boolean;
}

export interface FinalAnswer {
  readonly requestId: string;
  readonly status: string;
  readonly result?: string;
  readonly value?: string;
  readonly error?: string;
}

const DEVICE = { tenant: "default", endpoint: "ep-1" };

function onWire({
  params = { id: "/3/0/9" },
  expiresInMs = 5_000,
  ...request
}: Asked): lwm2m.v1.RpcRequest.$Properties & DeviceRef & { readonly requestId: string; readonly expiresAtMs: number } {
  return { ...DEVICE, ...request, params: JSON.stringify(params), expiresAtMs: Date.now() + expiresInMs };
}

/** Stores a request as the router does, and tells nobody. `limit`: requests of the device that may be open. */
export async function store(system: System, asked: Asked, limit = 100): Promise<AcceptOutcome> {
  const request = onWire(asked);
  const { tenant, endpoint, requestId, expiresAtMs } = request;
  const bytes = lwm2m.v1.RpcRequest.encode(request).finish();
  const open = { requestId, request: bytes, contentType: CONTENT_TYPE.json, expiresAtMs };
  return await system.state.devices.accept({ device: { tenant, endpoint }, open, limit, nowMs: Date.now() });
}

/** Stores a request and hands it over to a node, as the router does. */
export async function ask(system: System, node: TransportNode, asked: Asked): Promise<void> {
  await store(system, asked);
  await handOver(system, node, asked);
}

/** Hands a request over to a node; the store need not know it. */
export async function handOver(system: System, node: TransportNode, asked: Asked): Promise<void> {
  const request = onWire(asked);
  await command(system, node, {
    deadlineMs: request.expiresAtMs,
    perform: { request, contentType: CONTENT_TYPE.json },
  });
}

/** Tells a node that something waits for `ep-1`, as the router does. */
export async function tellWorkWaits(system: System, node: TransportNode): Promise<void> {
  await command(system, node, { deadlineMs: Date.now() + 60_000, workWaits: DEVICE });
}

async function command(
  { bus }: System,
  { node }: TransportNode,
  work: lwm2m.v1.NodeCommand.$Properties,
): Promise<void> {
  await bus.sender({ name: "router", lingerMs: 0 }).publish({
    topic: TOPICS.nodeCommand.name,
    key: null,
    partition: node.slot,
    value: encodeMessage(TOPICS.nodeCommand.type, { ...work, bootId: node.bootId }, CONTENT_TYPE.protobuf),
  });
}

/** The final answers so far, and those to come. */
export function collectAnswers({ bus }: System): FinalAnswer[] {
  return collect<FinalAnswer>(bus, {
    name: TOPICS.rpcResponse.name,
    type: { decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as FinalAnswer },
  });
}

/** How far requests are: `r-1 SENT`. */
export function collectProgress({ bus }: System): string[] {
  return collect<string>(bus, {
    name: TOPICS.rpcStatus.name,
    type: {
      decode: (bytes) => {
        const { requestId, progress } = lwm2m.v1.RpcStatusRecord.decode(bytes);
        return `${requestId} ${lwm2m.v1.RpcProgress[progress].slice("RPC_PROGRESS_".length)}`;
      },
    },
  });
}
