export type {
  Bus,
  GroupSubscription,
  IncomingRecord,
  OutgoingRecord,
  Pressure,
  ReaderSubscription,
  Running,
  Sender,
  StartAt,
  Subscription,
  TopicLayout,
  TopicProblem,
} from "./bus.ts";
export { type DeadLetterOptions, deadLetter } from "./dead-letter.ts";
export { BusOverflowError, BusUnavailableError, RecordTooLargeError } from "./errors.ts";
export { murmur2, partitionOf } from "./murmur2.ts";
export { handleTable, indexTable, readTable, type TableIndex } from "./read-table.ts";
export { DEFAULT_SENDER_LIMITS, type SenderLimits } from "./single-flight-sender.ts";
