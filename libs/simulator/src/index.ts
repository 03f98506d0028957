export type {
  DeviceInput,
  DeviceObservation,
  DeviceOutput,
  ObservationEnd,
  SentNotification,
  UplinkType,
} from "./device-io.ts";
