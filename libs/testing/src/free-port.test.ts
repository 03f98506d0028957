import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it } from "@jest/globals";
import { freePort, freePorts } from "./free-port.ts";

it("No port that was found is found again, and none is of those that systems give away by themselves", async () => {
  const ports = [...(await freePorts(20)), await freePort()];
  expect(new Set(ports).size).toBe(21);
  expect(Math.max(...ports) + 10_000).toBeLessThan(32_768);
});

it("A port that somebody has, by TCP or by UDP, is passed over", async () => {
  const from = await freePort();
  const server = createServer().listen(from + 1, "127.0.0.1");
  await once(server, "listening");
  const socket = createSocket("udp4").bind(from + 2, "127.0.0.1");
  await once(socket, "listening");
  try {
    const found = await freePorts(2);
    expect(found).not.toContain(from + 1);
    expect(found).not.toContain(from + 2);
  } finally {
    server.close();
    socket.close();
  }
});
