/** Runs a command with one Kafka broker for all tests: `node tools/with-servers.ts COMMAND …`. A broker of FERRY_TEST_KAFKA is used as it is. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type KafkaProcess, MissingToolError, startKafka } from "@ferry/testing";

const [command, ...args] = process.argv.slice(2);
if (command === undefined) {
  process.stderr.write("usage: node tools/with-servers.ts COMMAND …\n");
  process.exit(2);
}

/** Tests start hundreds of processes: a node is up in 0.4 s of computing rather than 0.7 with what others have compiled. */
const NODE_COMPILE_CACHE = join(import.meta.dirname, "../node_modules/.cache/node");

const kafka = await startOrExplain();
const child = spawn(command, args, {
  stdio: "inherit",
  env: { NODE_COMPILE_CACHE, ...process.env, ...(kafka && { FERRY_TEST_KAFKA: kafka.bootstrapServers.join(",") }) },
});
// The terminal sends Ctrl-C to the command too: wait for its end, then stop the broker.
process.on("SIGINT", () => {});
process.on("SIGTERM", () => child.kill("SIGTERM"));
const [code] = (await once(child, "close")) as [number | null];
await kafka?.stop();
process.exitCode = code ?? 1;

/** The broker; undefined when its jars are missing, which each test that needs it says for itself. With CI set, that is an error. */
async function startOrExplain(): Promise<KafkaProcess | undefined> {
  try {
    return await startKafka();
  } catch (error) {
    if (!(error instanceof MissingToolError)) throw error;
    process.stderr.write(`with-servers: ${error.message}\n`);
    if (process.env.CI) process.exit(1);
    return undefined;
  }
}
