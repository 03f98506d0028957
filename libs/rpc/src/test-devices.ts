import type { DataType, ModelView, ObjectModel, SupportedObjects } from "@ferry/lwm2m";
import { KeyMap, parseDeviceProfile } from "@ferry/profile";
import type { OperationContext } from "./target.ts";

/** Resources as `id: [operations, type, multiple]`. */
interface Resources {
  readonly [id: number]: readonly [operations: string, type?: DataType, facts?: "multiple" | "multiple mandatory"];
}

/** It has one instance. */
const DEVICE_OBJECT = 3;

/** Definitions as the object registry has them, reduced to what the tests touch; 38000 has a resource of each type. */
const OBJECTS: { readonly [id: number]: Resources } = {
  1: { 0: ["R", "INTEGER"], 1: ["RW", "INTEGER"], 2: ["RW", "INTEGER"] },
  3: {
    4: ["E"],
    5: ["E"],
    6: ["R", "INTEGER", "multiple"],
    9: ["R", "INTEGER"],
    13: ["RW", "TIME"],
    14: ["RW", "STRING"],
    15: ["RW", "STRING"],
  },
  5: {
    0: ["W", "OPAQUE"],
    1: ["RW", "STRING"],
    2: ["E"],
    3: ["R", "INTEGER"],
    5: ["R", "INTEGER"],
    7: ["R", "STRING"],
  },
  9: { 4: ["E"] },
  19: { 0: ["RW", "OPAQUE", "multiple mandatory"], 1: ["RW", "INTEGER"] },
  38000: {
    0: ["RW", "STRING"],
    1: ["RW", "INTEGER"],
    2: ["RW", "UNSIGNED_INTEGER"],
    3: ["RW", "FLOAT"],
    4: ["RW", "BOOLEAN"],
    5: ["RW", "OPAQUE"],
    6: ["RW", "TIME"],
    7: ["RW", "OBJLNK"],
    8: ["RW", "CORELINK"],
    10: ["RW", "STRING", "multiple"],
    11: ["RW", "INTEGER", "multiple"],
    13: ["RW", "FLOAT", "multiple"],
  },
};

function modelOf(id: number, resources: Resources): ObjectModel {
  const about = { name: "", lwm2mVersion: "1.0", urn: "", multiple: id !== DEVICE_OBJECT, mandatory: false };
  const entries = Object.entries(resources).map(([resourceId, [operations, type, facts = ""]]) => {
    const all = { operations, type, multiple: facts.includes("multiple"), mandatory: facts.includes("mandatory") };
    return [Number(resourceId), { id: Number(resourceId), name: "", ...all, rangeEnumeration: "", units: "" }] as const;
  });
  return { id, version: "1.0", ...about, resources: new Map(entries) };
}

const MODELS = new Map(Object.entries(OBJECTS).map(([id, resources]) => [Number(id), modelOf(Number(id), resources)]));
const VIEW: ModelView = { object: (id) => MODELS.get(id) };

function device(
  versions: { readonly [objectId: number]: string },
  keys: { readonly [path: string]: string },
  contentFormats: readonly number[],
): OperationContext {
  const objects = Object.entries(versions).map(([id, version]) => [Number(id), { version, instances: [0] }] as const);
  const supported: SupportedObjects = {
    lwm2mVersion: "1.1",
    rootPath: [],
    contentFormats,
    objects: new Map(objects),
  };
  const profile = parseDeviceProfile({ observeAttr: { keyName: keys } });
  return { supported, models: VIEW, keys: new KeyMap(profile, supported), profile };
}

/** The device of the reference page. */
export const FS: OperationContext = device(
  { 1: "1.1", 3: "1.0", 5: "1.0", 19: "1.0", 38000: "1.0" },
  {
    "/3_1.0/0/9": "batteryLevel",
    "/3_1.0/0/14": "timezone",
    "/5_1.0/0/3": "state",
    "/5_1.0/0/5": "updateResult",
    "/5_1.0/0/7": "pkgversion",
    "/5_1.0/0/1": "packageUri",
    "/1_1.1/0/2": "defaultMinimumPeriod",
    "/3_2.0/0/1": "modelOfV2",
    "/50_1.0/0/1": "ofObject50",
  },
  [110],
);

/** The device of ThingsBoard's black-box tests; 31024 has no definition. */
export const FT: OperationContext = device(
  { 1: "1.1", 3: "1.2", 5: "1.2", 9: "1.1", 19: "1.1", 3303: "1.0", 31024: "1.0", 38000: "1.0" },
  {
    "/3_1.2/0/9": "batteryLevel",
    "/3_1.2/0/14": "UtfOffset",
    "/19_1.1/0/0": "dataRead",
    "/19_1.1/1/0": "dataWrite",
  },
  [0, 42, 60, 110, 112, 11542, 11543],
);

/** The device of ThingsBoard's black-box tests when it lists TLV and nothing else, or SENML_JSON and nothing else. */
export const ONLY_TLV: OperationContext = { ...FT, supported: { ...FT.supported, contentFormats: [11542] } };
export const ONLY_SENML_JSON: OperationContext = { ...FT, supported: { ...FT.supported, contentFormats: [110] } };
