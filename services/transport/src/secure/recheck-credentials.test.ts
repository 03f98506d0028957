import { Catalogue } from "@ferry/provisioning";
import { createEpisode, createLogger } from "@ferry/runtime";
import { MemoryProvisioningStore } from "@ferry/state/memory";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { until } from "../transport-fixture.ts";
import { TestListener } from "./dtls-fixture.ts";
import { recheckCredentials } from "./recheck-credentials.ts";

const AT_MOST = 2;

let store: MemoryProvisioningStore;
let catalogue: Catalogue;
let dtls: TestListener;
let stop: () => void;

beforeEach(async () => {
  store = new MemoryProvisioningStore();
  await store.setPosition(0);
  catalogue = new Catalogue(store);
  dtls = new TestListener();
  const logger = createLogger("test", { level: "fatal", format: "json" });
  const stateEpisode = createEpisode(logger, { failed: "failed", healed: "healed" });
  stop = recheckCredentials({ catalogue, provisioning: store, dtls, stateEpisode, logger }, AT_MOST);
});
afterEach(() => stop());

const change = (id: string, offset: number): void =>
  catalogue.noteDevice({ type: "put", kind: "device", tenant: "default", id, offset });

describe("devices without an association that change while the store is behind", () => {
  it("are looked at one by one, however often they change", async () => {
    for (const [id, offset] of [
      ["ep-1", 1],
      ["ep-2", 2],
      ["ep-2", 3],
      ["ep-1", 4],
    ] as const)
      change(id, offset);
    await store.setPosition(4);
    await until(() => dtls.rechecked.length >= 2, "the looks");
    expect(dtls.rechecked).toEqual(["ep-1", "ep-2"]);
  });

  it("are remembered up to a number: of more all associations are looked at, once the store has the last of them", async () => {
    for (const offset of [1, 2, 3, 4]) change(`ep-${offset}`, offset);
    await store.setPosition(3);
    await until(() => dtls.rechecked.length >= 2, "the first looks");
    expect(dtls.rechecked).toEqual(["ep-1", "ep-2"]);
    await store.setPosition(4);
    await until(() => dtls.rechecked.length >= 3, "the last");
    expect(dtls.rechecked).toEqual(["ep-1", "ep-2", "all"]);
  });
});
