import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CODE, OPTION, uintOption, uriPath } from "@ferry/coap";
import { MissingToolError } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type CoapEndpoint, startCoapEndpoint } from "./coap-endpoint.ts";

const run = promisify(execFile);
const LARGE = Buffer.from(Array.from({ length: 3000 }, (_, index) => index & 0xff));
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** Debian's libcoap3-bin and libcoap2-bin, and a build from source, name the one program differently. */
async function findClient(): Promise<string> {
  for (const name of ["coap-client-notls", "coap-client"]) {
    const { stdout } = await run("sh", ["-c", `command -v ${name} || true`]);
    if (stdout !== "") return stdout.trim();
  }
  throw new MissingToolError("libcoap's coap-client", "apt-get install libcoap3-bin");
}

describe("libcoap's coap-client as client of our server role", () => {
  let endpoint: CoapEndpoint;
  let client: string;
  let directory: string;
  const received: Uint8Array[] = [];

  beforeAll(async () => {
    client = await findClient();
    directory = await mkdtemp(join(tmpdir(), "ferry-libcoap-"));
    endpoint = await startCoapEndpoint((request) => {
      const [resource] = uriPath(request.options);
      if (resource === "large") return { code: CODE.CONTENT, payload: LARGE };
      if (resource === "store") {
        received.push(request.payload);
        return { code: CODE.CHANGED };
      }
      if (resource === "fetch") return { code: CODE.CONTENT, payload: request.payload };
      if (resource === "temperature") {
        setTimeout(() => notify(request.peer, request.token), 100);
        return { code: CODE.CONTENT, options: [uintOption(OPTION.OBSERVE, 1)], payload: bytes("20\n") };
      }
      return { code: CODE.NOT_FOUND, payload: bytes("no such resource") };
    });
  });
  afterAll(async () => {
    await endpoint.stop();
    await rm(directory, { recursive: true });
  });

  const delivered: Promise<void>[] = [];
  function notify(peer: string, token: Uint8Array): void {
    const options = [uintOption(OPTION.OBSERVE, 2)];
    const message = { peer, token, code: CODE.CONTENT, options, payload: bytes("21\n"), confirmable: true };
    delivered.push(endpoint.notify(message));
  }

  const coap = (resource: string, ...options: string[]) =>
    run(client, ["-B", "10", ...options, `coap://127.0.0.1:${endpoint.port}/${resource}`], { encoding: "buffer" });

  it("shows 4.04 with its diagnostic payload", async () => {
    const { stdout, stderr } = await coap("nowhere");
    expect(`${stdout}${stderr}`).toContain("4.04 no such resource");
  });

  it("gets a large response in Block2 of our size and of its own", async () => {
    const file = join(directory, "large");
    await coap("large", "-o", file);
    expect(LARGE.equals(await readFile(file))).toBe(true);
    await coap("large", "-b", "64", "-o", file);
    expect(LARGE.equals(await readFile(file))).toBe(true);
  });

  it("puts a large body in Block1, in CON and in NON", async () => {
    const file = join(directory, "body");
    await writeFile(file, LARGE);
    await coap("store", "-m", "put", "-f", file);
    await coap("store", "-m", "put", "-N", "-b", "256", "-f", file);
    expect(received.map((body) => LARGE.equals(body))).toEqual([true, true]);
  });

  it("fetches (RFC 8132)", async () => {
    const { stdout } = await coap("fetch", "-m", "fetch", "-e", "/3/0");
    expect(stdout.toString()).toContain("/3/0");
  });

  it("goes on when datagrams of its own get lost", async () => {
    const file = join(directory, "lossy");
    await coap("large", "-l", "1,3", "-o", file);
    expect(LARGE.equals(await readFile(file))).toBe(true);
  }, 30_000);

  it("observes and acknowledges our notification", async () => {
    const { stdout } = await coap("temperature", "-s", "1");
    expect(stdout.toString()).toContain("20\n21\n");
    await Promise.all(delivered);
    expect(delivered).toHaveLength(1);
  });

  it("is told 4.02 with the number of a critical option that we do not know", async () => {
    const { stdout, stderr } = await coap("store", "-O", "2049,x");
    expect(`${stdout}${stderr}`).toContain("4.02 option 2049 is not supported");
  });
});
