import type { ResourceValue } from "@ferry/lwm2m";

/** States of a software update, by number. */
const SOFTWARE_STATES = ["Initial", "DownloadStarted", "Downloaded", "Delivered", "Installed"];
const SOFTWARE_RESULTS: Readonly<Record<number, string>> = {
  0: "Initial value",
  1: "Downloading",
  2: "Software successfully installed",
  3: "Successfully Downloaded and package integrity verified",
  50: "Not enough storage for the new software package",
  51: "Out of memory during downloading process",
  52: "Connection lost during downloading process",
  53: "Package integrity check failure.",
  54: "Unsupported package type",
  56: "Invalid URI",
  57: "Device defined update error",
  58: "Software installation failure",
  59: "Uninstallation Failure during forUpdate(arg=0)",
};

/** Numbers that are published as the words that ThingsBoard has for them, by object and resource (OMA LwM2M Core 1.1.1 §E.6; LwM2M Software Management 1.0). */
const NAMES: ReadonlyMap<number, ReadonlyMap<number, Readonly<Record<number, string>>>> = new Map([
  [
    5,
    new Map<number, Readonly<Record<number, string>>>([
      [3, ["Idle", "Downloading", "Downloaded", "Updating"]],
      [
        5,
        [
          "Initial value",
          "Firmware updated successfully",
          "Not enough flash memory for the new firmware package",
          "Out of RAM during downloading process",
          "Connection lost during downloading process",
          "Integrity check failure for new downloaded package",
          "Unsupported package type",
          "Invalid URI",
          "Firmware update failed",
          "Unsupported protocol",
          // Of object version 1.1; the words are OMA's.
          "Firmware update cancelled",
          "Firmware update deferred",
        ],
      ],
    ]),
  ],
  [
    9,
    new Map<number, Readonly<Record<number, string>>>([
      [7, SOFTWARE_STATES],
      [9, SOFTWARE_RESULTS],
    ]),
  ],
]);

/** The words for the numbers of a resource, by number; undefined for all but the states and results of updates. */
export function updateNames(objectId: number, resourceId: number): Readonly<Record<number, string>> | undefined {
  return NAMES.get(objectId)?.get(resourceId);
}

/** A state or result of an update by its name; a number that has none stays a number. */
export function nameUpdateValue(names: Readonly<Record<number, string>>, value: ResourceValue): ResourceValue {
  const name = value.type === "INTEGER" || value.type === "UNSIGNED_INTEGER" ? names[Number(value.value)] : undefined;
  return name === undefined ? value : { type: "STRING", value: name };
}
