import { describe, expect, it } from "@jest/globals";
import { lwm2m } from "../generated/lwm2m.js";
import { CONTENT_TYPE } from "./json.ts";
import { encodeRpcResponse } from "./rpc-response.ts";

const { RpcFinalStatus, RpcResponse } = lwm2m.v1;

const answered: lwm2m.v1.RpcResponse.$Properties = {
  context: { eventId: Uint8Array.of(1, 2, 3), tenant: "default", endpoint: "demo", ingestTimeMs: 1_700_000_000_000 },
  requestId: "r-1",
  status: RpcFinalStatus.SUCCESSFUL,
  result: "CONTENT",
  value: "LwM2mSingleResource [id=9, value=100, type=INTEGER]",
  code: 205,
  nodes: [{ path: "/3/0/9", type: "INTEGER", value: { int64: 100 } }],
};

describe("the final answer to a request", () => {
  it("is flat in JSON, its values as text and typed", () => {
    const json = Buffer.from(encodeRpcResponse(answered, CONTENT_TYPE.json)).toString();
    expect(JSON.parse(json)).toEqual({
      requestId: "r-1",
      tenant: "default",
      endpoint: "demo",
      status: "SUCCESSFUL",
      result: "CONTENT",
      value: "LwM2mSingleResource [id=9, value=100, type=INTEGER]",
      code: 205,
      nodes: [{ path: "/3/0/9", type: "INTEGER", value: { int64: "100" } }],
      eventId: "AQID",
      ingestTimeMs: "1700000000000",
    });
    expect(
      json.startsWith('{"requestId":"r-1","tenant":"default","endpoint":"demo","status":"SUCCESSFUL","result":'),
    ).toBe(true);
  });

  it("leaves out in JSON what is absent", () => {
    const response = { requestId: "r-2", status: RpcFinalStatus.TIMEOUT };
    expect(JSON.parse(Buffer.from(encodeRpcResponse(response, CONTENT_TYPE.json)).toString())).toEqual({
      requestId: "r-2",
      status: "TIMEOUT",
    });
  });

  it("is the message itself in protobuf", () => {
    const decoded = RpcResponse.decode(encodeRpcResponse(answered, CONTENT_TYPE.protobuf));
    expect(decoded.status).toBe(RpcFinalStatus.SUCCESSFUL);
    expect(decoded.context?.endpoint).toBe("demo");
  });
});
