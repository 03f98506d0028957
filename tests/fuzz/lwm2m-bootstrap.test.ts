import { CODE, OPTION, uintOption, uriOptions } from "@ferry/coap";
import {
  fromBootstrapResponse,
  instancesOf,
  Lwm2mError,
  parseBootstrapDiscovery,
  parseBootstrapUplink,
  shortServerIdsOf,
  withShortServerIds,
} from "@ferry/lwm2m";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { mutate, pick } from "./mutate.ts";

/** Another seed by FERRY_FUZZ_SEED; a failure prints the one it had, with the bytes. */
const SEED = Number(process.env.FERRY_FUZZ_SEED ?? 7252);
const ROUNDS = Number(process.env.FERRY_FUZZ_ROUNDS ?? 4000);

/** Answers to Discover and to Read of the Server object, to mutate. */
const CORPUS: readonly Uint8Array[] = [
  Buffer.from(
    '</>;lwm2m=1.1,</0/0>;ssid=101;uri="coaps://server_1.example.com", </0/1>, </1/0/>;ssid=101, </3/0>,</5>,</55>;ver=1.9,</55/0>',
  ),
  Buffer.from('lwm2m="1.0",</0/0>;ssid=101,</0/1/>,</0/2>;ssid=102,</1/0>;ssid=101,</1/2>'),
  Buffer.from('[{"bn":"/1/","n":"0/0","v":101},{"n":"2/0","v":102},{"n":"2/7","vs":"U"}]'),
  Buffer.from("0803c100658a01c107550807c10066c10755", "hex"),
  Buffer.from("83a3216a2f312f30006930022f3101a200613221".replaceAll(" ", ""), "hex"),
];

describe(`while a device bootstraps (seed ${SEED})`, () => {
  const random = new SeededRandom(SEED);
  const answer = () => ({
    code: pick(random, [CODE.CONTENT, CODE.CHANGED, CODE.NOT_FOUND]),
    options: [uintOption(OPTION.CONTENT_FORMAT, pick(random, [40, 110, 112, 11_542, 11_544, 0]))],
    payload: mutate(random, pick(random, CORPUS)),
  });

  it("any links name instances that they list, under ids that a server can have, or are refused", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const links = Buffer.from(mutate(random, pick(random, CORPUS))).toString("latin1");
      expectOwnErrors(links, () => {
        const discovery = parseBootstrapDiscovery(links);
        for (const [objectId, named] of [discovery.security, discovery.servers].entries()) {
          for (const [shortServerId, instances] of named) {
            expect(shortServerId >= 1 && shortServerId <= 65_534).toBe(true);
            expect(instances.every((id) => instancesOf(discovery, objectId).has(id))).toBe(true);
          }
        }
      });
    }
  });

  it("any answer is decoded or refused, and what was read names no instance that is not there", () => {
    const discovery = parseBootstrapDiscovery("</1/0>,</1/2>");
    for (let round = 0; round < ROUNDS; round++) {
      const response = answer();
      expectOwnErrors(response, () => fromBootstrapResponse({ type: "discover", path: [] }, response));
      expectOwnErrors(response, () => {
        const { node } = fromBootstrapResponse({ type: "read", path: [1] }, response);
        if (node === undefined) return;
        const { servers } = withShortServerIds(discovery, shortServerIdsOf(node));
        expect([...servers.values()].flat().every((id) => id === 0 || id === 2)).toBe(true);
      });
    }
  });

  it("any request is served or refused", () => {
    for (let round = 0; round < ROUNDS; round++) {
      const query = Buffer.from(mutate(random, Buffer.from("ep=a&pct=112&acc=1,2"))).toString("latin1");
      const uri = pick(random, ["/bs?", "/bspack?", "/bs/1?", "/?"]) + query;
      expectOwnErrors(uri, () => {
        const { type } = parseBootstrapUplink(pick(random, [CODE.POST, CODE.GET, CODE.PUT]), uriOptions(uri));
        expect(["bootstrapRequest", "packRequest", "refusal"]).toContain(type);
      });
    }
  });
});

function expectOwnErrors(input: unknown, act: () => void): void {
  try {
    act();
  } catch (error) {
    if (error instanceof Lwm2mError) return;
    expect({ seed: SEED, input, error }).toBeUndefined();
  }
}
