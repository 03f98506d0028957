import type { Logger } from "./logger.ts";

/** A state that lasts, such as "Kafka cannot be reached": told once when it begins and once when it ends, however often it is met. */
export interface Episode {
  readonly lasting: boolean;
  failed(error: unknown): void;
  healed(): void;
}

/** Makes an episode with its two constant sentences. */
export function createEpisode(
  logger: Logger,
  sentences: { readonly failed: string; readonly healed: string },
): Episode {
  let failures = 0;
  return {
    get lasting() {
      return failures > 0;
    },
    failed(error) {
      if (failures++ === 0) logger.warn({ error }, sentences.failed);
      else logger.debug({ error }, sentences.failed);
    },
    healed() {
      if (failures > 0) logger.info({ failures }, sentences.healed);
      failures = 0;
    },
  };
}
