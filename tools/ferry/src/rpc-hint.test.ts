import type { RpcAnswer } from "@ferry/client";
import { describe, expect, it } from "@jest/globals";
import { hintFor } from "./rpc-hint.ts";

const ANSWER = { requestId: "r", tenant: "default", endpoint: "demo" };

describe("the hint beside an answer", () => {
  it.each<[string, string, Partial<RpcAnswer>, RegExp]>([
    ["names the method that was meant", "readcomposite", { status: "REJECTED" }, /^it is written ReadComposite$/],
    ["lists the methods where none is like it", "Fly", { status: "REJECTED" }, /^there are Read, .*, Create$/],
    ["says who is registered", "Read", { status: "NOT_REGISTERED" }, /^`ferry devices` lists/],
    ["says that sleepers need time", "Read", { status: "EXPIRED" }, /--timeout$/],
    [
      "says where keys stand",
      "Read",
      { status: "FAILED", result: "BAD_REQUEST", error: "nope is not configured in the device profile!" },
      /^`ferry get profiles -o yaml` shows/,
    ],
    [
      "says that a refusal without a reason is the device's",
      "WriteReplace",
      { status: "FAILED", result: "METHOD_NOT_ALLOWED", code: 405 },
      /^the device answered METHOD_NOT_ALLOWED and gave no reason$/,
    ],
    [
      "shows a request that is right for one that is not",
      "ReadComposite",
      { status: "REJECTED", result: "BAD_REQUEST", error: "Can't find 'key' or 'id' in the requestParams parameters!" },
      /^such as: ferry rpc <endpoint> 'ReadComposite \{"ids":\["\/3\/0\/9","\/1"\]\}'$/,
    ],
    [
      "names the attributes",
      "WriteAttributes",
      { status: "REJECTED", result: "BAD_REQUEST", error: "The given string value cannot be transformed" },
      /; attributes are pmax, pmin, gt, lt, st, epmax, epmin, edge, con, hqmax$/,
    ],
  ])("%s", (_, method, answer, expected) => {
    expect(hintFor(method, { ...ANSWER, status: "", ...answer })).toMatch(expected);
  });

  it.each<[string, Partial<RpcAnswer>]>([
    ["a device's own reason", { status: "FAILED", result: "BAD_REQUEST", code: 400, error: "instance 5 exists" }],
    ["a timeout", { status: "TIMEOUT", error: "The device did not answer in time" }],
  ])("is absent beside %s", (_, answer) => {
    expect(hintFor("Read", { ...ANSWER, status: "", ...answer })).toBeUndefined();
  });
});
