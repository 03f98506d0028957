/** LwM2M Security (OMA LwM2M Core 1.1.1 appendix E.1): the object, and its resources that a device uses. */
export const SECURITY = {
  object: 0,
  uri: 0,
  isBootstrap: 1,
  mode: 2,
  publicKeyOrIdentity: 3,
  serverPublicKey: 4,
  secretKey: 5,
  shortServerId: 10,
  holdOff: 11,
  accountTimeout: 12,
  serverName: 14,
  certificateUsage: 15,
} as const;

/** Values of 0/x/2. */
export const SECURITY_MODE = { psk: 0, rawPublicKey: 1, certificate: 2, noSec: 3 } as const;

/** Values of 0/x/15, after RFC 6698 §2.1.1. */
export const CERTIFICATE_USAGE = { caConstraint: 0, serviceCertificate: 1, trustAnchor: 2, domainIssued: 3 } as const;

/** LwM2M Server (appendix E.2): the object, and its resources that a device uses. */
export const SERVER = {
  object: 1,
  shortServerId: 0,
  lifetime: 1,
  defaultMinimumPeriod: 2,
  defaultMaximumPeriod: 3,
  disable: 4,
  disableTimeout: 5,
  binding: 7,
  registrationUpdateTrigger: 8,
  bootstrapTrigger: 9,
  muteSend: 23,
} as const;

export const ACCESS_CONTROL_OBJECT = 2;
export const DEVICE_OBJECT = 3;
