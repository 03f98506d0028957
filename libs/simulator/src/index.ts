export { BootstrappingDevice, type BootstrappingDeviceSettings } from "./bootstrap/bootstrapping-device.ts";
export { formatServerUri, parseServerUri, type ServerUri } from "./bootstrap/server-uri.ts";
export { type PeriodicReport, type Signal, SimulatedDevice, type SimulatedDeviceSettings } from "./device.ts";
export type {
  DeviceCommand,
  DeviceEvent,
  DeviceInput,
  DeviceObservation,
  DeviceOutput,
  ObservationEnd,
  Report,
  SentNotification,
  ServerUplink,
  UplinkType,
} from "./device-io.ts";
export { deviceKey } from "./device-keys.ts";
export { blackBoxDevice } from "./fixtures/black-box-device.ts";
export type { DeviceFixture } from "./fixtures/device-fixture.ts";
export { seedDevice } from "./fixtures/seed-device.ts";
export {
  type Fleet,
  type FleetBootstrap,
  type FleetOptions,
  type FleetProgress,
  fleetEndpoints,
  runFleet,
  startFleet,
} from "./fleet.ts";
export { ImpairedMachine, type Impairment } from "./impaired-machine.ts";
export type { SimulatedObject } from "./object-tree.ts";
export { binaryAppDataObject } from "./objects/binary-app-data.ts";
export { connectivityObject } from "./objects/connectivity.ts";
export { coreObject, objectOf, type PlainInstance, type PlainValue } from "./objects/core-object.ts";
export { deviceObject } from "./objects/device.ts";
export { firmwareObject } from "./objects/firmware.ts";
export { locationObject } from "./objects/location.ts";
export { type FactoryAccount, securityObject } from "./objects/security.ts";
export { serverObject } from "./objects/server.ts";
export { standardObjects } from "./objects/standard-objects.ts";
export { temperatureObject } from "./objects/temperature.ts";
export type { Answer } from "./perform-downlink.ts";
export { DEFAULT_AWAKE_MS, type PowerSaving } from "./radio.ts";
export { type DeviceSecurity, SecuredDevice, type SecuredDeviceSettings } from "./secured-device.ts";
export { seededNumbers, seededRandom } from "./seeded-random.ts";
export { countingSignal, temperatureSignal } from "./signals.ts";
