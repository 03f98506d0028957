/** What a Produce response says, as kafkajs reads it on: a refusal is its `errorCode`, and nobody asks for offsets. */
export interface ProduceResponse {
  readonly topics: readonly [];
  /** Of the first partition that was refused; 0 when all were accepted. */
  readonly errorCode: number;
  /** How long the client is to send nothing, ms. */
  readonly clientSideThrottleTime: number;
}

/** From this version a partition has its log_start_offset, too. */
const WITH_LOG_START_OFFSET = 5;
/** From this version it is the client that waits out the throttle time (KIP-219). */
const CLIENT_THROTTLES = 6;

/**
 * Reads a Produce response of version 3 to 7: kafkajs makes an object with three big numbers in decimals of each partition.
 *
 * ```
 * responses [ topic STRING · partition_responses [
 *   partition INT32 · error_code INT16 · base_offset INT64 · log_append_time INT64 · log_start_offset INT64, from version 5
 * ] ] · throttle_time_ms INT32
 * ```
 *
 * @throws {RangeError} it ends too early
 */
export function decodeProduceResponse(bytes: Buffer, version: number): ProduceResponse {
  const offsetsBytes = version >= WITH_LOG_START_OFFSET ? 24 : 16;
  let errorCode = 0;
  let at = 4;
  for (let topics = bytes.readInt32BE(0); topics > 0; topics--) {
    at += 2 + Math.max(bytes.readInt16BE(at), 0);
    let partitions = bytes.readInt32BE(at);
    at += 4;
    for (; partitions > 0; partitions--) {
      // Read in any case, so that a wrong count ends where the bytes do.
      const code = bytes.readInt16BE(at + 4);
      if (errorCode === 0) errorCode = code;
      at += 6 + offsetsBytes;
    }
  }
  const throttleMs = bytes.readInt32BE(at);
  return { topics: [], errorCode, clientSideThrottleTime: version >= CLIENT_THROTTLES ? throttleMs : 0 };
}
