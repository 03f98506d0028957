import type { Sender } from "@ferry/bus";
import { CONTENT_TYPE_HEADER, type ContentType, deviceKey, encodeMessage, lwm2m, TOPICS } from "@ferry/proto";
import type { Clock } from "@ferry/runtime";
import {
  type BootstrapStore,
  type BootstrapSummary,
  type DeviceRef,
  type NodeRef,
  namedEventId,
  StateUnavailableError,
  summariseBootstrap,
} from "@ferry/state";

type BootstrapRecord = lwm2m.v1.BootstrapRecord.$Properties;

/** One step of a session, or a refused request. */
export type BootstrapEvent = Omit<BootstrapRecord, "context" | "sessionId">;

/** What the writer works with. */
export interface EventWriterParts {
  readonly sender: Sender;
  /** Where the last bootstrap of each device is kept, to be looked at. */
  readonly bootstraps: BootstrapStore;
  readonly node: NodeRef;
  readonly nodeName: string;
  readonly topicPrefix: string;
  readonly contentType: ContentType;
  readonly wallMs: Clock;
  readonly random: (size: number) => Uint8Array;
  readonly onUnpublished: (error: unknown) => void;
  readonly onUnavailable: (error: StateUnavailableError) => void;
}

/** Tells of bootstraps: each step on lwm2m.bootstrap.v1, and the last bootstrap of a device in the store. Nobody waits for either. */
export class EventWriter {
  readonly #parts: EventWriterParts;

  constructor(parts: EventWriterParts) {
    this.#parts = parts;
  }

  /** Tells of a request, or a handshake, that began no session. Without a `securityMode` nobody proved who it was: what is stored of the device stays. */
  refused(device: DeviceRef, event: Pick<BootstrapEvent, "code" | "reason" | "securityMode">): void {
    const { BOOTSTRAP_STEP_REFUSED: step } = lwm2m.v1.BootstrapStep;
    const { BOOTSTRAP_RESULT_REFUSED: result } = lwm2m.v1.BootstrapResult;
    const record = this.#publish(device, { ...event, step, result, sessionId: "" }, 0);
    if (event.securityMode) this.#store(device, summariseBootstrap(undefined, record));
  }

  /** How the events of one session are told, in their order. */
  session(device: DeviceRef): (event: BootstrapEvent) => void {
    const sessionId = Buffer.from(this.#parts.random(8)).toString("hex");
    let sequence = 0;
    let summary: BootstrapSummary | undefined;
    return (event) => {
      const record = this.#publish(device, { ...event, sessionId }, ++sequence);
      summary = summariseBootstrap(summary, record);
      // Steps between are on the topic; whoever looks while the session runs sees that it does.
      if (sequence === 1 || event.result) this.#store(device, summary);
    };
  }

  #publish(
    { tenant, endpoint }: DeviceRef,
    event: BootstrapEvent & { readonly sessionId: string },
    sequence: number,
  ): BootstrapRecord {
    const { sender, node, nodeName, topicPrefix, contentType, wallMs, random, onUnpublished } = this.#parts;
    const ingestTimeMs = wallMs();
    const eventId =
      event.sessionId === "" ? random(16) : namedEventId("bootstrap", tenant, endpoint, event.sessionId, sequence);
    const context = { eventId, tenant, endpoint, sequence, node: nodeName, bootId: node.bootId, ingestTimeMs };
    const record = { ...event, context };
    void sender
      .publish({
        topic: topicPrefix + TOPICS.bootstrap.name,
        key: deviceKey(tenant, endpoint),
        value: encodeMessage(TOPICS.bootstrap.type, record, contentType),
        headers: { [CONTENT_TYPE_HEADER]: contentType },
      })
      .catch(onUnpublished);
    return record;
  }

  #store(device: DeviceRef, summary: BootstrapSummary): void {
    const { bootstraps, onUnavailable } = this.#parts;
    void bootstraps.put(device, summary).catch((error: unknown) => {
      if (!(error instanceof StateUnavailableError)) throw error;
      onUnavailable(error);
    });
  }
}
