import { CONTENT_FORMAT } from "@ferry/coap";
import { CONTENT_FORMATS, type LwM2mVersion } from "@ferry/lwm2m";

/**
 * Content-Formats to write with, best first, never empty; the next one is for a device that answers 4.15 to the one before.
 *
 * `preferred` is the device's `pct`; `registered` are those that it had when it last registered. One that is not encoded for whole instances counts as none.
 */
export function writeFormats(
  preferred: number | undefined,
  registered: readonly number[],
  version: LwM2mVersion,
): readonly number[] {
  const isKnownSenml = version !== "1.0" && registered.includes(CONTENT_FORMAT.SENML_CBOR);
  return [
    ...new Set([
      ...(preferred !== undefined && isEncoded(preferred) ? [preferred] : []),
      ...(isKnownSenml ? [CONTENT_FORMAT.SENML_CBOR] : []),
      CONTENT_FORMAT.LWM2M_TLV,
      // Mandatory in LwM2M 1.0 only: a later client may be without TLV (OMA LwM2M Core 1.1.1 §7.4).
      ...(version === "1.0" ? [] : [CONTENT_FORMAT.SENML_CBOR]),
    ]),
  ];
}

function isEncoded(format: number): boolean {
  return CONTENT_FORMATS.some(({ id, carries, isEncoded }) => id === format && carries === "nodes" && isEncoded);
}
