import type { IncomingRecord } from "@ferry/bus";
import { MemoryBus } from "@ferry/bus/memory";
import { lwm2m, parseProvisioningKey, TOPICS } from "@ferry/proto";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { applyDocuments } from "./apply-documents.ts";
import { Catalogue } from "./catalogue.ts";
import { diffRecords, readCurrent } from "./current-records.ts";
import type { ProvisioningDocument } from "./document.ts";
import { ProvisioningTimeoutError } from "./errors.ts";
import { followProvisioning } from "./follow-provisioning.ts";
import { deleteRecords, publishRecords } from "./publish-records.ts";
import { parseSealingKeys, sealSecret } from "./sealing.ts";

const { ProvisioningOutcome, ProvisioningRecord, ProvisioningStatusRecord } = lwm2m.v1;
const PREFIX = "test.";

let bus: MemoryBus;

beforeEach(async () => {
  bus = new MemoryBus();
  const topics = [TOPICS.provisioning, TOPICS.provisioningStatus].map((topic) => ({
    ...topic,
    name: PREFIX + topic.name,
  }));
  await bus.ensureTopics(topics, "create");
});

afterEach(() => bus.stop());

/** Says of each record what a materialiser would. */
function answer(
  outcomeOf: (record: IncomingRecord) => { outcome: number; field?: string; reason?: string } | undefined,
) {
  const sender = bus.sender({ name: "materialiser", lingerMs: 0 });
  bus.subscribe({
    type: "group",
    groupId: "materialiser",
    topics: [PREFIX + TOPICS.provisioning.name],
    handle: async (record) => {
      const outcome = outcomeOf(record);
      const ref = parseProvisioningKey(record.key ?? "");
      if (outcome === undefined || ref === undefined) return;
      const revision = record.value === null ? "" : ProvisioningRecord.decode(record.value).revision;
      const value = ProvisioningStatusRecord.encode({ ...ref, revision, offset: record.offset, ...outcome }).finish();
      await sender.publish({ topic: PREFIX + TOPICS.provisioningStatus.name, key: record.key, value });
    },
  });
}

function profile(id: string, json = '{"resources":{}}'): ProvisioningDocument {
  return { kind: "profile", tenant: "default", id, body: { profile: { json } } };
}

function device(id: string, key: lwm2m.v1.Secret.$Properties): ProvisioningDocument {
  const credentials = [{ psk: { identity: id, key } }];
  return { kind: "device", tenant: "default", id, body: { device: { endpoint: id, profile: "p", credentials } } };
}

const options = { timeoutMs: 2000, topicPrefix: PREFIX };
const APPLIED = { outcome: ProvisioningOutcome.PROVISIONING_OUTCOME_APPLIED };

describe("publishing records", () => {
  it("waits for the word about each and hands it over as it comes", async () => {
    answer(({ key }) =>
      key === "profile/default/b"
        ? { outcome: ProvisioningOutcome.PROVISIONING_OUTCOME_REJECTED, field: "json", reason: "is empty" }
        : APPLIED,
    );
    const seen: string[] = [];
    const outcomes = await publishRecords(bus, [profile("a"), profile("b")], {
      ...options,
      onOutcome: ({ id, outcome }) => seen.push(`${id} ${outcome}`),
    });
    expect(seen).toEqual(["a applied", "b rejected"]);
    expect(outcomes[1]).toMatchObject({
      kind: "profile",
      id: "b",
      outcome: "rejected",
      field: "json",
      reason: "is empty",
    });
  });

  it("says which records nobody spoke of in time", async () => {
    answer(({ key }) => (key === "profile/default/a" ? APPLIED : undefined));
    const error = await publishRecords(bus, [profile("a"), profile("b")], { ...options, timeoutMs: 50 }).catch(
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(ProvisioningTimeoutError);
    expect(error.keys).toEqual(["profile/default/b"]);
  });

  it("does not take the word about another publication of the same key for its own", async () => {
    const sender = bus.sender({ name: "stranger", lingerMs: 0 });
    bus.subscribe({
      type: "reader",
      topic: PREFIX + TOPICS.provisioning.name,
      from: "latest",
      handle: async () => {
        const value = ProvisioningStatusRecord.encode({
          kind: "profile",
          tenant: "default",
          id: "a",
          revision: "another",
          ...APPLIED,
        }).finish();
        await sender.publish({ topic: PREFIX + TOPICS.provisioningStatus.name, key: "profile/default/a", value });
      },
    });
    await expect(publishRecords(bus, [profile("a")], { ...options, timeoutMs: 50 })).rejects.toThrow(
      ProvisioningTimeoutError,
    );
  });

  it("deletes with tombstones", async () => {
    answer(({ value }) => (value === null ? { outcome: ProvisioningOutcome.PROVISIONING_OUTCOME_DELETED } : APPLIED));
    await publishRecords(bus, [profile("a"), profile("b")], options);
    expect(await deleteRecords(bus, [profile("a")], options)).toMatchObject([{ id: "a", outcome: "deleted" }]);
    expect((await readCurrent(bus, options)).map(({ id }) => id)).toEqual(["b"]);
  });

  it("deletes once what is named twice", async () => {
    answer(() => ({ outcome: ProvisioningOutcome.PROVISIONING_OUTCOME_DELETED }));
    expect(await deleteRecords(bus, [profile("a"), profile("a")], options)).toMatchObject([{ id: "a" }]);
  });

  it("gives the bus no more than five hundred that are unanswered", async () => {
    let waiting = 0;
    let most = 0;
    answer(() => {
      waiting += 1;
      most = Math.max(most, waiting);
      return APPLIED;
    });
    const documents = Array.from({ length: 1200 }, (_, id) => profile(`p-${id}`));
    const outcomes = await publishRecords(bus, documents, { ...options, onOutcome: () => (waiting -= 1) });
    expect(outcomes).toHaveLength(1200);
    expect(most).toBeLessThanOrEqual(500);
  });

  it("has nothing to wait for without records", async () => {
    expect(await publishRecords(bus, [], options)).toEqual([]);
  });
});

describe("applying documents", () => {
  const published: string[] = [];
  let knows = true;
  const apply = async (...documents: ProvisioningDocument[]) => {
    published.length = 0;
    return (await applyDocuments(bus, documents, options)).map(({ id, outcome }) => `${id} ${outcome}`);
  };
  beforeEach(() => {
    knows = true;
    answer(({ key }) => {
      published.push(key ?? "");
      return knows ? APPLIED : { outcome: ProvisioningOutcome.PROVISIONING_OUTCOME_REJECTED };
    });
  });

  it("does not publish again what is there as it is", async () => {
    expect(await apply(profile("a"), profile("b"))).toEqual(["a applied", "b applied"]);
    expect(
      await apply(profile("a", '{ "resources": {} }'), profile("b", '{"resources":{},"strategy":"single"}')),
    ).toEqual(["b applied", "a unchanged"]);
    expect(published).toEqual(["profile/default/b"]);
  });

  it("publishes the last of documents that are all there, for a word that somebody took them", async () => {
    await apply(profile("a"), profile("b"));
    expect((await apply(profile("a"), profile("b"))).toSorted()).toEqual(["a unchanged", "b unchanged"]);
    expect(published).toEqual(["profile/default/b"]);
  });

  it("publishes again what was rejected: a newer router may take it", async () => {
    knows = false;
    expect(await apply(profile("a"), profile("b"))).toEqual(["a rejected", "b rejected"]);
    knows = true;
    expect(await apply(profile("a"), profile("b"))).toEqual(["a applied", "b applied"]);
  });

  it("publishes devices always: that one is in the topic does not mean that it is in force", async () => {
    const meter = device("meter-1", { plain: Buffer.alloc(16) });
    await apply(profile("p"), meter);
    expect(await apply(profile("p"), meter)).toEqual(["meter-1 applied", "p unchanged"]);
  });

  it("publishes what came back after it was deleted, and what is named twice", async () => {
    await apply(profile("a"));
    await deleteRecords(bus, [profile("a")], { ...options, timeoutMs: 20 }).catch(() => {});
    expect(await apply(profile("a"))).toEqual(["a applied"]);
    expect(await apply(profile("a", '{"resources":{},"strategy":"single"}'), profile("a"))).toEqual([
      "a applied",
      "a applied",
    ]);
  });
});

describe("what would change", () => {
  it("is told by record: create, update, unchanged, and delete for what is not named", async () => {
    answer(() => APPLIED);
    await publishRecords(bus, [profile("same"), profile("changed"), profile("gone")], options);
    const desired = [
      profile("new"),
      profile("same", '{ "resources": {} }'),
      profile("changed", '{"resources":{},"strategy":"single"}'),
    ];
    const changes = diffRecords(await readCurrent(bus, options), desired);
    expect(changes.map(({ id, change }) => `${change} ${id}`)).toEqual([
      "create new",
      "unchanged same",
      "update changed",
      "delete gone",
    ]);
  });

  it("sees through the seal with the key", () => {
    const sealingKeys = parseSealingKeys(Buffer.alloc(32, 1).toString("base64"));
    const plain = Buffer.alloc(16, 5);
    const sealed = sealSecret(sealingKeys, plain, "default/meter-1", (size) => Buffer.alloc(size, 9));
    const current = [{ ...device("meter-1", { sealed }), offset: 0 }];
    expect(diffRecords(current, [device("meter-1", { plain })], { sealingKeys })).toMatchObject([
      { change: "unchanged" },
    ]);
    expect(diffRecords(current, [device("meter-1", { plain })])).toMatchObject([{ change: "update" }]);
    expect(diffRecords(current, [device("meter-1", { plain: Buffer.alloc(16, 6) })], { sealingKeys })).toMatchObject([
      { change: "update" },
    ]);
  });

  it("leaves generated credentials alone", () => {
    const current = [{ kind: "credential" as const, tenant: "default", id: "meter-1", body: {}, offset: 0 }];
    expect(diffRecords(current, [])).toEqual([]);
  });
});

describe("following provisioning", () => {
  it("fills the catalogue with what is there, then with what comes, and passes over what is not valid", async () => {
    answer(() => APPLIED);
    const valid = '{"resources":{"/3/0/9":{"key":"battery","telemetry":true}}}';
    await publishRecords(bus, [profile("a", valid)], options);
    const catalogue = new Catalogue(new MemoryProvisioningStore());
    const invalid: string[] = [];
    const followed = followProvisioning({ bus, catalogue, topicPrefix: PREFIX, onInvalid: (key) => invalid.push(key) });
    await followed.caughtUp;
    expect(catalogue.profile("default", "a")).toBeDefined();

    const changes: string[] = [];
    catalogue.onChange(({ type, kind, id }) => changes.push(`${type} ${kind} ${id}`));
    await publishRecords(bus, [profile("b", valid), profile("a", "{"), device("meter-1", {})], options);
    await deleteRecords(bus, [profile("b")], { ...options, timeoutMs: 20 }).catch(() => {});
    expect(changes).toEqual(["put profile b", "put device meter-1", "removed profile b"]);
    expect(invalid).toEqual(["profile/default/a"]);
    expect(catalogue.profile("default", "a")).toBeDefined();
    await followed.stop();
  });
});
