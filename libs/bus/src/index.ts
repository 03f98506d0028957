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
export { BusOverflowError, BusUnavailableError, RecordTooLargeError } from "./errors.ts";
