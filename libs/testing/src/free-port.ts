import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import { ProcessStartError } from "./errors.ts";

/**
 * Systems give no socket a port of these by themselves (Linux begins at 32768, others at 49152): one that is free now is so still when the program
 * that it is for takes it a second later, and when that is killed and started again. A node of a Redis Cluster takes the port 10,000 above too.
 */
const [FIRST, LAST] = [12_000, 21_999];

/** Where this process looks next: none of its ports is found twice, and other processes begin elsewhere. */
let next = randomInt(FIRST, LAST + 1);

/** A port of the loopback interface that nobody has now, by TCP or by UDP. @throws {ProcessStartError} all are taken */
export async function freePort(): Promise<number> {
  for (let tries = FIRST; tries <= LAST; tries++) {
    const port = next;
    next = port === LAST ? FIRST : port + 1;
    if ((await isFreeByTcp(port)) && (await isFreeByUdp(port))) return port;
  }
  throw new ProcessStartError(`no port between ${FIRST} and ${LAST} of 127.0.0.1 is free`);
}

/** Different free ports of the loopback interface. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await freePort());
  return ports;
}

async function isFreeByTcp(port: number): Promise<boolean> {
  const server = createServer();
  try {
    await once(server.listen(port, "127.0.0.1"), "listening");
  } catch {
    return false;
  }
  await once(server.close(), "close");
  return true;
}

async function isFreeByUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4");
  try {
    await once(socket.bind(port, "127.0.0.1"), "listening");
  } catch {
    return false;
  }
  await new Promise<void>((closed) => socket.close(closed));
  return true;
}
