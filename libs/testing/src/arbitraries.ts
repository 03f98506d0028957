import { CODE, type CoapOption, MESSAGE_TYPE, type Message } from "@ferry/coap";
import fc from "fast-check";

/** Any option. */
export const coapOption: fc.Arbitrary<CoapOption> = fc.record({
  number: fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 65535 })),
  value: fc.uint8Array({ maxLength: 300 }),
});

/** Any option list in the order of the wire. */
export const coapOptions: fc.Arbitrary<CoapOption[]> = fc
  .array(coapOption, { maxLength: 8 })
  .map((options) => options.toSorted((a, b) => a.number - b.number));

/** Any message with content that may stand in a CON. */
export const coapMessage: fc.Arbitrary<Message> = fc.record({
  type: fc.constantFrom(MESSAGE_TYPE.CON, MESSAGE_TYPE.NON),
  code: fc.constantFrom(...Object.values(CODE).filter((code) => code !== CODE.EMPTY)),
  messageId: fc.nat({ max: 0xffff }),
  token: fc.uint8Array({ maxLength: 8 }),
  options: coapOptions,
  payload: fc.uint8Array({ maxLength: 1100 }),
});
