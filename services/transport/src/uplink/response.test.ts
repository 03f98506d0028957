import { CODE } from "@ferry/coap";
import { MemoryDeviceStore } from "@ferry/state/memory";
import { expect, it } from "@jest/globals";
import { StoreWatch } from "../store-watch.ts";
import { answerUnknown } from "./response.ts";

it("A registration that a lost store does not know is left unanswered until the store is restored, and then is 4.04", async () => {
  const devices = new MemoryDeviceStore({ lost: true });
  const storeWatch = await StoreWatch.begin(
    devices,
    () => 0,
    () => {},
  );
  expect(await answerUnknown({ storeWatch })).toBeUndefined();
  await devices.markRestored((await devices.incarnation()).id);
  expect(await answerUnknown({ storeWatch })).toEqual({ code: CODE.NOT_FOUND });
});
