import { once } from "node:events";
import { createServer } from "node:net";

/** A TCP port of the loopback interface that nobody listens on now. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number; // One was asked for.
}

/** Different free TCP ports of the loopback interface. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port); // Listening on TCP: never a path or null.
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
