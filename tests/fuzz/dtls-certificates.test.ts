import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type CertificateTerms, makeCertificate, ProvisionedCredentials } from "@ferry/dtls-endpoint";
import { lwm2m, provisioningKey } from "@ferry/proto";
import { Catalogue, CredentialsInForce, deviceIdentities, parseProvisioningRecord } from "@ferry/provisioning";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { SeededRandom } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { type DerTree, encodeDer, mutateDer, parseDer } from "./der-tree.ts";
import { mutate, pick } from "./mutate.ts";

const STEPS = 500;
const NOW_MS = 1_795_392_000_000;
const DAY_MS = 86_400_000;

interface Signer {
  readonly privateKey: KeyObject;
  readonly certificate: Uint8Array;
}

/** A stranger, or whoever has a CA that a tenant declared, shows what he likes. */
class Fuzzer {
  readonly #random: SeededRandom;
  readonly #store = new MemoryProvisioningStore();
  readonly #catalogue = new Catalogue(this.#store);
  readonly #errors: unknown[] = [];
  readonly #credentials = new ProvisionedCredentials({
    inForce: new CredentialsInForce(this.#store, this.#catalogue),
    sealingKeys: undefined,
    trust: { trustAnchors: [], isRevoked: () => false, hasRevoked: () => false },
    wallMs: () => NOW_MS,
    logger: { error: (facts: unknown) => void this.#errors.push(facts) },
  });
  readonly outcomes = { principal: 0, refused: 0 };

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  async issue(usage: CertificateTerms["usage"], commonName: string, by?: Signer): Promise<Signer> {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const times = { notBeforeMs: NOW_MS - DAY_MS, notAfterMs: NOW_MS + DAY_MS };
    const terms = { commonName, publicKey, usage, signer: by ?? { privateKey }, dnsNames: ["meter-2"], ...times };
    return { privateKey, certificate: await makeCertificate(terms, this.#random.bytes) };
  }

  async declare(endpoint: string, ca: Uint8Array): Promise<void> {
    const device = { endpoint, profile: "meter", credentials: [{ x509: { ca } }] };
    const value = lwm2m.v1.ProvisioningRecord.encode({ device }).finish();
    const parsed = parseProvisioningRecord(provisioningKey("device", "default", endpoint), value);
    if (parsed.kind !== "device") throw new TypeError("not a device");
    if (endpoint.endsWith("*")) this.#catalogue.put(parsed);
    const record = { kind: "device", tenant: "default", id: endpoint, value, offset: 0 } as const;
    await this.#store.put(record, deviceIdentities(parsed.device, undefined));
    await this.#store.setPosition(record.offset);
  }

  async show(chain: readonly Uint8Array[]): Promise<void> {
    const answer = await this.#credentials.certificate(chain);
    if (answer.type !== "principal" && answer.type !== "refused") throw new TypeError(`answered ${answer.type}`);
    this.outcomes[answer.type]++;
    if (answer.type === "principal") expect(await this.#credentials.isCurrent(answer.principal)).toBe(true);
    const key = await this.#credentials.rawPublicKey(chain[0] ?? new Uint8Array(0));
    expect(key.type).toBe("refused");
    expect(this.#errors).toEqual([]);
  }

  /** One to three damages; in most cases signed by a CA all the same. */
  damage({ certificate }: Signer, { privateKey }: Signer): Uint8Array {
    const random = this.#random;
    if (random.chance(0.2)) return mutate(random, certificate);
    const [tree] = parseDer(certificate);
    const [content, algorithm] = tree?.members ?? [];
    if (content === undefined || algorithm === undefined) throw new TypeError("not a certificate");
    for (let left = 1 + random.below(3); left > 0; left--) mutateDer(random, content);
    const signature = sign("sha256", encodeDer(content), privateKey);
    const bits: DerTree = { tag: 3, content: Buffer.concat([Uint8Array.of(0), signature]) };
    return encodeDer({ tag: 0x30, content: new Uint8Array(0), members: [content, algorithm, bits] });
  }

  pick<Item>(items: readonly Item[]): Item {
    return pick(this.#random, items);
  }
}

describe("certificates that are damaged, and signed all the same", () => {
  it("are judged, and nothing in them is a surprise", async () => {
    const fuzzer = new Fuzzer(20261123);
    const ca = await fuzzer.issue("ca", "Fleet CA");
    const line = await fuzzer.issue("ca", "Line CA", ca);
    const device = await fuzzer.issue("client", "meter-1", line);
    await fuzzer.declare("meter-1", ca.certificate);
    await fuzzer.declare("meter-*", ca.certificate);
    for (let step = 0; step < STEPS; step++) {
      const damaged = fuzzer.damage(device, line);
      const damagedLine = fuzzer.damage(line, ca);
      await fuzzer.show(
        fuzzer.pick([
          [damaged, line.certificate],
          [device.certificate, damagedLine],
          [damaged, damagedLine],
          [device.certificate, damagedLine, line.certificate, damaged],
        ]),
      );
    }
    expect(fuzzer.outcomes.principal).toBeGreaterThan(STEPS / 10);
    expect(fuzzer.outcomes.refused).toBeGreaterThan(STEPS / 4);
  });
});
