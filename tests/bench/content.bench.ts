import { CONTENT_FORMAT } from "@ferry/coap";
import { decodeContent, decodeTimedValues, encodeTimedValues, ModelRegistry } from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { Bench } from "tinybench";

/*
 * Decoding of one notification, the hot path of telemetry: `npx node tests/bench/content.bench.ts`.
 * The payload is a Device instance as devices send it.
 */
const NOW_MS = Date.UTC(2026, 0, 1);
const DEVICE = [3, 0];
const TLV = Uint8Array.from(
  Buffer.from(
    "c8000546657272 79c801084d6f64656c20 3130c8020b3334353030302d303132 33c303312e30860641000141010588070842000ed84201 1388c10964c10a0fc10b00c40d5182428fc60e2b30323a3030".replaceAll(
      " ",
      "",
    ),
    "hex",
  ),
);

const registry = new ModelRegistry(loadCoreModels());
const models = registry.view("default", { objects: new Map([[3, { version: "1.0", instances: [0] }]]) });
const values = decodeTimedValues(CONTENT_FORMAT.LWM2M_TLV, TLV, DEVICE, models, NOW_MS);
const senmlCbor = encodeTimedValues(CONTENT_FORMAT.SENML_CBOR, values);
const senmlJson = encodeTimedValues(CONTENT_FORMAT.SENML_JSON, values);

const bench = new Bench({ time: 500 });
bench.add(`TLV, ${values.length} values, ${TLV.length} bytes → values`, () => {
  decodeTimedValues(CONTENT_FORMAT.LWM2M_TLV, TLV, DEVICE, models, NOW_MS);
});
bench.add("TLV → node", () => {
  decodeContent(CONTENT_FORMAT.LWM2M_TLV, TLV, DEVICE, models, NOW_MS);
});
bench.add(`SenML CBOR, ${senmlCbor.length} bytes → values`, () => {
  decodeTimedValues(CONTENT_FORMAT.SENML_CBOR, senmlCbor, [], models, NOW_MS);
});
bench.add(`SenML JSON, ${senmlJson.length} bytes → values`, () => {
  decodeTimedValues(CONTENT_FORMAT.SENML_JSON, senmlJson, [], models, NOW_MS);
});
await bench.run();
for (const { name, result } of bench.tasks) {
  const medianUs = "latency" in result ? (result.latency.p50 * 1000).toFixed(2) : "failed";
  process.stdout.write(`${name}: ${medianUs} µs (median)\n`);
}
