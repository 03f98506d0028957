import { CODE, CONTENT_FORMAT, OPTION, uintOption, uriOptions } from "@ferry/coap";
import {
  COMPOSITE_FORMATS,
  CONTENT_FORMATS,
  decodeContent,
  decodePack,
  decodePaths,
  decodeTimedValues,
  encodeContent,
  encodePaths,
  fromCoapResponse,
  type LwM2mPath,
  Lwm2mError,
  ModelRegistry,
  parseDdf,
  parseUplink,
  parseVersionedPath,
  splitDdf,
} from "@ferry/lwm2m";
import { loadCoreModels } from "@ferry/lwm2m/core-models";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { mutate, pick } from "./mutate.ts";

/** Another seed by FERRY_FUZZ_SEED; a failure prints the one it had, with the bytes. */
const SEED = Number(process.env.FERRY_FUZZ_SEED ?? 7252);
const ROUNDS = Number(process.env.FERRY_FUZZ_ROUNDS ?? 4000);

const registry = new ModelRegistry(loadCoreModels());
const models = registry.view("default", {
  objects: new Map([1, 2, 3, 5, 19].map((id) => [id, { version: "1.1", instances: [0] }])),
});
const PATHS: readonly LwM2mPath[] = [
  [],
  [3],
  [2],
  [3, 0],
  [1, 0],
  [3, 0, 9],
  [3, 0, 6],
  [3, 0, 6, 1],
  [19, 0, 0],
  [77, 0, 1],
];

/** Well-formed payloads to mutate. */
const CORPUS: readonly Uint8Array[] = [
  Buffer.from("860641000141010588070842000ed842011388c10964c40d5182428fc60e2b30323a3030830b410000", "hex"),
  Buffer.from("08000ec10001c101008302417f07c1037f080212c10003c101008702417f0761013601c1037f", "hex"),
  Buffer.from('[{"bn":"/3/0/","bt":1600000000,"n":"0","vs":"a"},{"n":"6/0","v":1},{"n":"22/0","vlo":"3:0","t":-5}]'),
  Buffer.from("82a3216a2f333330332f302f35370002fa41b80000a20062313302c11a60ddc5a5", "hex"),
  Buffer.from("9fbf2168 2f332f302f0061396102 1864ffff".replaceAll(" ", ""), "hex"),
  Buffer.from('{"bn":"/3/0/","bt":1600000000,"e":[{"n":"0","sv":"a"},{"n":"6/0","v":1,"t":-5},{"n":"22","ov":"3:0"}]}'),
  Buffer.from(
    "a103a100a50061610d c11a60ddc5a509 182206a2000101056131 830600 00fb3ff199999999999a".replaceAll(" ", ""),
    "hex",
  ),
  Buffer.from("bf9f0300ffbf0918220af6ff830500037f61616162ffff", "hex"),
  Buffer.from("83a200662f332f302f390201a200613181a100622f31".replaceAll(" ", ""), "hex"),
  Buffer.from('</>;rt="oma.lwm2m";ct="60 110",</3/0>;ver=1.1,</5>'),
  Buffer.from("1625146789"),
  Buffer.from(`${"[".repeat(8000)}1234567890123456${"]".repeat(8000)}`),
];

describe(`any payload (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);

  it("is decoded or refused with an error of ours, and what is decoded can be encoded again", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const payload = mutated(random);
      const path = pick(random, PATHS);
      for (const { id } of CONTENT_FORMATS) {
        expectOwnErrors(payload, () => {
          const values = decodeTimedValues(id, payload, path, models, 1_700_000_000_000);
          // A value takes at least two bytes of any format that lists several.
          if (values.length > Math.max(1, payload.length)) throw new TooManyValues(String(values.length));
          const node = decodeContent(id, payload, path, models);
          encodeContent(CONTENT_FORMAT.LWM2M_TLV, node, path);
        });
      }
    }
  });

  it("of several values is decoded but for what is wrong, which is bounded", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const payload = mutated(random);
      const path = pick(random, PATHS);
      for (const { id } of CONTENT_FORMATS) {
        expectOwnErrors(payload, () => {
          const { values, faults } = decodePack(id, payload, path, models, 1_700_000_000_000, ["a"]);
          if (faults.length > 17 || values.length > Math.max(1, payload.length))
            throw new TooManyValues(String(faults));
          if (faults.length > 0) return;
          const whole = decodeTimedValues(id, payload, path, models, 1_700_000_000_000, ["a"]);
          expect(values).toEqual(whole);
        });
      }
    }
  });

  it("is a list of paths or is refused, and the list can be encoded again", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const payload = mutated(random);
      for (const format of COMPOSITE_FORMATS) {
        expectOwnErrors(payload, () => {
          const paths = decodePaths(format, payload);
          expect(decodePaths(CONTENT_FORMAT.SENML_JSON, encodePaths(CONTENT_FORMAT.SENML_JSON, paths))).toEqual(paths);
        });
      }
    }
  });

  it("of a device's request or response is served or refused", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const payload = mutated(random);
      const query = Buffer.from(mutated(random).subarray(0, 60)).toString("latin1");
      const uri = pick(random, ["/rd?ep=a&lwm2m=1.1&", "/rd?", "/rd/abc?", "/dp?", "/"]);
      const format = uintOption(OPTION.CONTENT_FORMAT, pick(random, [40, 110, 112, 11542, 11543, 11544, 0, 65535]));
      expectOwnErrors(payload, () => {
        parseUplink(pick(random, [CODE.POST, CODE.DELETE, CODE.GET]), [...uriOptions(uri + query), format], payload);
        const response = {
          code: pick(random, [CODE.CONTENT, CODE.CHANGED, CODE.NOT_FOUND]),
          options: [format],
          payload,
        };
        fromCoapResponse({ type: "read", path: pick(random, PATHS) }, response, models);
        fromCoapResponse({ type: "readComposite", paths: [pick(random, PATHS), [3, 0]] }, response, models, 0);
      });
      expectOwnErrors(payload, () => parseVersionedPath(query));
    }
  });

  it("as an object definition is parsed or refused", () => {
    const xml =
      '<LWM2M><Object ObjectType="MODefinition"><Name>a</Name><ObjectID>1</ObjectID><ObjectURN>u</ObjectURN><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources><Item ID="1"><Name>b</Name><Operations>RW</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type>Float</Type></Item></Resources></Object></LWM2M>';
    for (let round = 0; round < ROUNDS / 10; round++) {
      const bytes = mutate(random, Buffer.from(xml));
      expectOwnErrors(bytes, () => splitDdf(Buffer.from(bytes).toString("latin1")).map(parseDdf));
    }
  });
});

class TooManyValues extends Error {
  override readonly name = "TooManyValues";
}

function expectOwnErrors(payload: Uint8Array, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof Lwm2mError) return;
    expect({ seed: SEED, payload: Buffer.from(payload).toString("hex"), error }).toBeUndefined();
  }
}

function mutated(random: SeededRandom): Uint8Array {
  return random.chance(0.2) ? random.bytes(random.below(40)) : mutate(random, pick(random, CORPUS));
}
