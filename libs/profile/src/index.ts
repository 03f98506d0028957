export type {
  AccountSecurity,
  BootstrapObject,
  BootstrapServerAccount,
  BootstrapSettings,
  BootstrapValue,
  ServerAccount,
} from "./bootstrap-settings.ts";
export { type DerKind, parseBase64, readDerText } from "./der-text.ts";
export {
  accountsToMute,
  type DesiredAttributes,
  desiredAttributes,
  desiredMute,
  desiredObservations,
  initialReads,
  isOffered,
  observeOf,
  type PathGroup,
  readOf,
  supportsComposite,
} from "./desired-observations.ts";
export {
  type DeviceProfile,
  type ObserveStrategy,
  type PowerSettings,
  type ProfileEntry,
  type ProfileLimits,
  parseDeviceProfile,
  type ReachabilitySettings,
  type TransportLogLevel,
  type UpdateSettings,
} from "./device-profile.ts";
export { ProfileError } from "./errors.ts";
export { type KeyLookup, KeyMap } from "./key-map.ts";
export { overridePower, type PowerOverride, parsePowerOverride, toPowerForm } from "./power.ts";
export { attributeChanges, changedReads, type Desire, groupName, joinAttributes } from "./profile-diff.ts";
export {
  formatRateLimit,
  parseRateLimit,
  RATE_LIMIT_FORM,
  type RateLimit,
  type TokenBucketSize,
} from "./rate-limit.ts";
export { pickAddress, type ServerAddress } from "./server-address.ts";
export { type MappedSample, type MappedValues, type SampleValue, ValueMap, ValueMaps } from "./value-map.ts";
