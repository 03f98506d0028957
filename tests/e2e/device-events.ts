import type { DeviceEvent } from "@ferry/simulator";
import { ProcessStartError } from "@ferry/testing";

export type EventOf<Type extends DeviceEvent["type"]> = Extract<DeviceEvent, { readonly type: Type }>;

/** What happened to a simulated device so far, to be waited for. */
export class DeviceEvents {
  readonly all: DeviceEvent[] = [];
  readonly #endpoint: string;
  #changed = Promise.withResolvers<void>();

  constructor(endpoint: string) {
    this.#endpoint = endpoint;
  }

  add(event: DeviceEvent): void {
    this.all.push(event);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  of<Type extends DeviceEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.all.filter((event): event is EventOf<Type> => event.type === type);
  }

  /** The first such event after the first `after`. @throws {ProcessStartError} it does not come in time */
  async waitFor<Type extends DeviceEvent["type"]>(
    type: Type,
    { after = 0, timeoutMs = 15_000 }: { readonly after?: number; readonly timeoutMs?: number } = {},
  ): Promise<EventOf<Type>> {
    const deadline = AbortSignal.timeout(timeoutMs);
    const late = new Promise<void>((resolve) => deadline.addEventListener("abort", () => resolve(), { once: true }));
    for (;;) {
      const event = this.of(type)[after];
      if (event !== undefined) return event;
      if (deadline.aborted) {
        const seen = this.all
          .slice(-5)
          .map((it) => JSON.stringify(it, (_, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
        throw new ProcessStartError(
          `${this.#endpoint}: no "${type}" within ${timeoutMs} ms; last events: ${seen.join(" ")}`,
        );
      }
      await Promise.race([this.#changed.promise, late]);
    }
  }
}
