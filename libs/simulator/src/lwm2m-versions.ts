import { CONTENT_FORMAT } from "@ferry/coap";
import type { LwM2mVersion } from "@ferry/lwm2m";
import type { Abilities } from "./downlink.ts";

const ATTRIBUTES_1_0 = ["pmin", "pmax", "gt", "lt", "st"];
const ATTRIBUTES_1_1 = [...ATTRIBUTES_1_0, "epmin", "epmax"];
const VALUE_FORMATS = [CONTENT_FORMAT.TEXT_PLAIN, CONTENT_FORMAT.OCTET_STREAM];
const FORMATS_1_1 = [
  CONTENT_FORMAT.LWM2M_TLV,
  CONTENT_FORMAT.SENML_CBOR,
  CONTENT_FORMAT.SENML_JSON,
  CONTENT_FORMAT.CBOR,
  ...VALUE_FORMATS,
];

/** What a device of a version can do when nothing else is said (OMA LwM2M Core 1.0 §5.1.2, §6.4; 1.1 and 1.2 §5.1.2, §6.3, §7.4). */
export const VERSION_ABILITIES: Readonly<Record<LwM2mVersion, Abilities>> = {
  "1.0": {
    composites: false,
    attributeNames: ATTRIBUTES_1_0,
    contentFormats: [CONTENT_FORMAT.LWM2M_TLV, CONTENT_FORMAT.LWM2M_JSON, ...VALUE_FORMATS],
  },
  "1.1": { composites: true, attributeNames: ATTRIBUTES_1_1, contentFormats: FORMATS_1_1 },
  "1.2": {
    composites: true,
    attributeNames: [...ATTRIBUTES_1_1, "edge", "con", "hqmax"],
    contentFormats: [CONTENT_FORMAT.LWM2M_CBOR, ...FORMATS_1_1],
  },
};
