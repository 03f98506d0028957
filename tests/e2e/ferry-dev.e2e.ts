import { randomUUID } from "node:crypto";
import { createServer } from "node:net";
import { openUdpSocket } from "@ferry/runtime";
import { endPrograms, freePorts, Program, runProgram, startKafka } from "@ferry/testing";
import { afterEach, describe, expect, it } from "@jest/globals";

const MAIN = "tools/ferry/src/main.ts";

afterEach(endPrograms);

describe("ferry dev", () => {
  it("runs the real thing, serves both ways to it, and leaves nothing behind at Ctrl-C", async () => {
    const kafka = await startKafka();
    const bootstrapServers = kafka.bootstrapServers.join(",");
    const topicPrefix = `dev-${randomUUID()}.`;
    const names = ["redis", "api", "coap", "dtls", "bootstrap", "bootstrap-dtls"];
    const free = await freePorts(names.length);
    const [redisPort, apiPort, coapPort] = free;
    const ports = names.flatMap((name, index) => [`--${name}-port`, `${free[index]}`]);
    const env = { KAFKA_BOOTSTRAP_SERVERS: bootstrapServers, KAFKA_TOPIC_PREFIX: topicPrefix };
    const dev = new Program(MAIN, ["dev", ...ports], env);
    await dev.prints(/applied 3 documents\n/);
    await dev.prints(/Ctrl-C ends it\.\n/);

    for (const way of [
      ["--api-url", `http://127.0.0.1:${apiPort}`],
      ["--bootstrap-servers", bootstrapServers, "--topic-prefix", topicPrefix],
    ]) {
      expect(await runProgram(MAIN, ["rpc", "demo", 'Read {"id":"/3/0/9"}', ...way])).toEqual({
        code: 0,
        stdout: '{"result":"CONTENT","value":"LwM2mSingleResource [id=9, value=100, type=INTEGER]"}\n',
        stderr: "",
      });
      expect((await runProgram(MAIN, ["devices", ...way])).stdout).toMatch(/^demo +default +quickstart /m);
    }

    // As npx does, which passes on what the terminal has sent already.
    expect(await dev.end("SIGINT", 2)).toMatchObject({ code: 0, stderr: "" });
    for (const port of [redisPort, apiPort]) await expect(listen(port as number)).resolves.toBeUndefined();
    const socket = await openUdpSocket({
      host: "::",
      port: coapPort as number,
      onDatagram: () => {},
      onError: () => {},
    });
    await socket.close();
    await kafka.stop();
  }, 90_000);
});

/** Listens for a moment. Rejects where somebody else still does. */
async function listen(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(port, "127.0.0.1", done);
  });
  await new Promise((done) => server.close(done));
}
