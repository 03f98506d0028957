import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { HttpClient, type RpcAnswer } from "@ferry/client";
import { afterEach, describe, expect, it } from "@jest/globals";
import { callWithProgress } from "./rpc-progress.ts";

const ANSWER: RpcAnswer = { requestId: "r-1", tenant: "default", endpoint: "demo", status: "SUCCESSFUL", value: "42" };
const CALL = { endpoint: "demo", method: "Read", params: '{"id":"/3/0/9"}', timeoutMs: 5_000 };

/** What the server does once the request came; `records` is the stream that is followed. */
type Script = (records: ServerResponse, answer: () => Promise<void>) => Promise<void> | void;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A console that says and answers what a script has it. */
async function startServer(script: Script): Promise<HttpClient> {
  let records: ServerResponse;
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      records = response;
      response.writeHead(200, { "content-type": "application/x-ndjson" }).flushHeaders();
      return;
    }
    const answer = (): Promise<void> =>
      new Promise((resolve) => {
        response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(ANSWER), resolve);
      });
    request.resume().once("end", () => void script(records, answer));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  stops.push(() => {
    server.close();
    server.closeAllConnections();
  });
  return new HttpClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function say(records: ServerResponse, progress: string, requestId = ANSWER.requestId): void {
  const value = { requestId, progress: `RPC_PROGRESS_${progress}` };
  records.write(`${JSON.stringify({ stream: "rpcStatus", key: "default/demo", timestampMs: 0, value })}\n`);
}

async function call(script: Script): Promise<{ readonly answer: RpcAnswer; readonly said: string }> {
  let said = "";
  const stderr = { write: (text: string) => (said += text) };
  return { answer: await callWithProgress(await startServer(script), CALL, { stderr }), said };
}

describe("the progress of a request", () => {
  it("is said whole, also where its answer comes first", async () => {
    const { answer, said } = await call(async (records, answers) => {
      await answers();
      say(records, "QUEUED");
      say(records, "DELIVERED", "another");
      // In a turn of its own: the answer is taken by then.
      setTimeout(() => say(records, "DELIVERED"), 50);
    });
    expect(answer).toEqual(ANSWER);
    expect(said.match(/[A-Z]+ \S+$/gm)).toEqual(["QUEUED r-1", "DELIVERED another", "DELIVERED r-1"]);
  });

  it("is not waited for without end where none comes", async () => {
    const { answer, said } = await call((_, answers) => answers());
    expect({ answer, said }).toEqual({ answer: ANSWER, said: "" });
  });

  it("that cannot be followed any more costs no answer", async () => {
    const { answer, said } = await call((records, answers) => {
      records.destroy();
      setTimeout(() => void answers(), 50);
    });
    expect(answer).toEqual(ANSWER);
    expect(said).toMatch(/^ferry: the progress cannot be followed any more: .+\n$/);
  });
});
