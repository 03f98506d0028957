import { lwm2m } from "@ferry/proto";
import { expect, it } from "@jest/globals";
import fc from "fast-check";
import type { RecordBody } from "./document.ts";
import { openSecrets, sealSecrets } from "./seal-secrets.ts";
import { parseSealingKeys } from "./sealing.ts";

const KEYS = parseSealingKeys(Buffer.alloc(32, 7).toString("base64"));
const DEVICE = { tenant: "default", endpoint: "meter-1" };
/** Each secret has it, and nothing else. */
const MARK = Buffer.from("a secret that is nowhere else");

const secret = (): lwm2m.v1.Secret.$Properties => ({ plain: MARK });
const bytes = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((value) => Buffer.from(value));
const psk = fc.string().map((identity) => ({ psk: { identity, key: secret() } }));
const noSec = fc.constant({ noSec: {} });
const credential = fc.oneof(
  psk,
  noSec,
  bytes.map((publicKey) => ({ rawPublicKey: { publicKey } })),
);
const clientKeys = fc.oneof(
  psk,
  noSec,
  bytes.map((publicKey) => ({ rawPublicKey: { publicKey, privateKey: secret() } })),
  bytes.map((certificate) => ({ x509: { certificate, privateKey: secret() } })),
  fc.constant({ generatePsk: {} }),
);
const body: fc.Arbitrary<RecordBody> = fc.oneof(
  fc.record({
    device: fc.record({
      endpoint: fc.string(),
      credentials: fc.array(credential, { maxLength: 3 }),
      bootstrap: fc.record({ bootstrapServer: clientKeys, server: clientKeys }, { requiredKeys: [] }),
    }),
  }),
  fc.record({ credential, previous: fc.array(credential, { maxLength: 2 }) }),
);

const encode = (record: RecordBody): Buffer => Buffer.from(lwm2m.v1.ProvisioningRecord.encode(record).finish());

it("Every secret of a record is sealed, and opens again to what it was; all else stays", () => {
  fc.assert(
    fc.property(body, (record) => {
      const sealed = sealSecrets(record, DEVICE, KEYS, (size) => Buffer.alloc(size, 9));
      expect(encode(sealed).includes(MARK)).toBe(false);
      expect(encode(openSecrets(sealed, DEVICE, KEYS))).toEqual(encode(record));
    }),
  );
});
