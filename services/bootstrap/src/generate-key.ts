import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { BusOverflowError, BusUnavailableError, RecordTooLargeError } from "@ferry/bus";
import type { AccountKeys } from "@ferry/lwm2m";
import { deviceKey } from "@ferry/proto";
import {
  bootstrapKeysOf,
  credentialDocument,
  type DeviceCredential,
  type DeviceDeclaration,
  decodeProvisioningRecord,
  generatedCredentials,
  openSecret,
  SealingError,
  type SealingKeys,
  sealSecret,
  toProvisioningRecord,
} from "@ferry/provisioning";
import { type DeviceRef, StateUnavailableError } from "@ferry/state";
import type { BootstrapPorts } from "./ports.ts";

type Psk = Extract<AccountKeys, { type: "psk" }>;

/** The key for a device's servers, in force by now; or why there is none, one sentence. */
export type GeneratedKey = Psk | { readonly type: "noKey"; readonly reason: string };

type GeneratePorts = Pick<
  BootstrapPorts,
  "provisioning" | "credentials" | "sealingKeys" | "random" | "clock" | "settings"
>;

/** Of a key of 128 bit: what TLS_PSK_WITH_AES_128_CCM_8 can use of it (RFC 7925 §4.2). */
const KEY_BYTES = 16;
/** Makes an identity unique. */
const SUFFIX_BYTES = 9;
/** RFC 7925 §4.2. */
const MAX_IDENTITY_BYTES = 128;
/** How often the store is asked for what was published: more rarely the longer it takes, ms. */
const POLL_MS = [20, 50, 100, 200, 500] as const;

/**
 * Makes a pre-shared key for a device's servers and puts it in force beside what the device has now; where one that was made still waits to be proven, it is
 * that one. The device may be given it as soon as this resolves, and not before. `signal`: nobody waits for it any more.
 */
export async function generateKey(
  device: DeviceRef,
  declaration: DeviceDeclaration,
  signal: AbortSignal,
  ports: GeneratePorts,
): Promise<GeneratedKey> {
  try {
    return await generate(device, declaration, signal, ports);
  } catch (error) {
    if (isOfSurroundings(error)) return { type: "noKey", reason: `a key could not be made: ${error.message}` };
    throw error;
  }
}

async function generate(
  device: DeviceRef,
  declaration: DeviceDeclaration,
  signal: AbortSignal,
  ports: GeneratePorts,
): Promise<GeneratedKey> {
  const { provisioning, credentials, sealingKeys, random } = ports;
  const generated = generatedCredentials(await provisioning.get("credential", device.tenant, device.endpoint));
  const { server } = bootstrapKeysOf(declaration, generated);
  if (server?.type === "psk")
    return { type: "psk", identity: server.identity, key: openSecret(server.key, device, sealingKeys) };
  if (sealingKeys === undefined)
    throw new SealingError("there is none to seal it with: set PROVISIONING_SEALING_KEY_FILE");

  const psk: Psk = { type: "psk", identity: makeIdentity(device.endpoint, random), key: random(KEY_BYTES) };
  const revision = randomUUID();
  const document = credentialDocument(
    device,
    sealed(psk, device, sealingKeys, random),
    replacedBy(declaration, generated),
  );
  let failure: unknown;
  // Kafka may take longer than anyone waits here: what comes late waits to be proven, and the next session gives it.
  void credentials.sender
    .publish(toProvisioningRecord(document, revision, credentials.topicPrefix))
    .catch((error: unknown) => {
      failure = error;
    });
  return (await isStored(device, revision, () => failure, signal, ports)) ? psk : NOT_STORED;
}

const NOT_STORED: GeneratedKey = {
  type: "noKey",
  reason:
    "the key that was made was not put in force in time: is an rpc-router running, with the same PROVISIONING_SEALING_KEY_FILE? lwm2m.provisioning.status.v1 says what became of it",
};

/** What a device has now, and keeps until it has shown the new key: one credential at most, for `generate: psk` is refused beside several. */
function replacedBy(
  { credentials }: DeviceDeclaration,
  generated: readonly DeviceCredential[] | undefined,
): readonly DeviceCredential[] {
  return (generated ?? credentials).slice(0, 1);
}

/** Begins with the endpoint's name, for people, where there is room. */
function makeIdentity(endpoint: string, random: (size: number) => Uint8Array): string {
  const suffix = Buffer.from(random(SUFFIX_BYTES)).toString("base64url");
  const identity = `${endpoint}.${suffix}`;
  return Buffer.byteLength(identity) > MAX_IDENTITY_BYTES ? `ferry.${suffix}` : identity;
}

function sealed(
  { identity, key }: Psk,
  { tenant, endpoint }: DeviceRef,
  keys: SealingKeys,
  random: (size: number) => Uint8Array,
): DeviceCredential {
  const secret = sealSecret(keys, key, deviceKey(tenant, endpoint), random);
  return { type: "psk", identity, key: { type: "sealed", sealed: secret } };
}

/** Whether the store has the publication, after a while at most. Rejects with why it was not published. */
async function isStored(
  { tenant, endpoint }: DeviceRef,
  revision: string,
  failure: () => unknown,
  signal: AbortSignal,
  { provisioning, clock, settings }: GeneratePorts,
): Promise<boolean> {
  const untilMs = clock.monotonicMs() + settings.keyTimeoutMs;
  for (let polls = 0; !signal.aborted; polls++) {
    const stored = await provisioning.get("credential", tenant, endpoint);
    if (stored !== undefined && decodeProvisioningRecord(stored.value).revision === revision) return true;
    if (failure() !== undefined) throw failure();
    if (clock.monotonicMs() >= untilMs) return false;
    // Rejects with an AbortError, and with nothing else, when the signal aborts.
    await sleep(POLL_MS[Math.min(polls, POLL_MS.length - 1)], undefined, { signal }).catch(() => {});
  }
  return false;
}

function isOfSurroundings(error: unknown): error is Error {
  return [StateUnavailableError, SealingError, BusOverflowError, BusUnavailableError, RecordTooLargeError].some(
    (one) => error instanceof one,
  );
}
