import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterEach, describe, expect, it } from "@jest/globals";
import { startUdpBalancer, type UdpBalancer, type UdpBalancerOptions } from "./udp-balancer.ts";

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const it of open.splice(0)) it.close();
});

/** A backend that answers every datagram with `its name:source port`, so that a client sees where it landed and as whom. */
async function backend(name: string): Promise<{ port: number; socket: Socket }> {
  const socket = createSocket("udp4");
  open.push(socket);
  socket.on("message", (_, from) => socket.send(`${name}:${from.port}`, from.port, from.address));
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { port: socket.address().port, socket };
}

async function balancer(options: UdpBalancerOptions): Promise<UdpBalancer> {
  const started = await startUdpBalancer(options);
  open.push(started);
  return started;
}

/** A client with a source port of its own; `ask` resolves to where its datagram landed. */
function client(server: UdpBalancer): Record<"ask" | "hear", () => Promise<{ name: string; source: string }>> {
  const socket = createSocket("udp4");
  open.push(socket);
  const hear = async (): Promise<{ name: string; source: string }> => {
    const [answer] = (await once(socket, "message")) as [Buffer];
    const [name = "", source = ""] = answer.toString().split(":");
    return { name, source };
  };
  return {
    hear,
    ask() {
      const answered = hear();
      socket.send("?", server.port, "127.0.0.1");
      return answered;
    },
  };
}

describe("startUdpBalancer", () => {
  it("keeps a client on one backend and one source port, and spreads clients over the backends", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const server = await balancer({ backends: [a.port, b.port] });
    const clients = Array.from({ length: 24 }, () => client(server));
    const first = await Promise.all(clients.map((it) => it.ask()));
    const second = await Promise.all(clients.map((it) => it.ask()));
    expect(second).toEqual(first);
    expect(new Set(first.map((it) => it.name))).toEqual(new Set(["a", "b"]));
    expect(new Set(first.map((it) => it.source)).size).toBe(24);
    expect(server.stats).toMatchObject({ flows: 24, toClients: 48, strays: 0, evicted: 0 });
  });

  it("moves every flow to another backend on rehash and keeps its source port", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const server = await balancer({ backends: [a.port, b.port] });
    const clients = Array.from({ length: 8 }, () => client(server));
    const before = await Promise.all(clients.map((it) => it.ask()));
    server.rehash();
    const after = await Promise.all(clients.map((it) => it.ask()));
    expect(after).toEqual(before.map(({ name, source }) => ({ name: name === "a" ? "b" : "a", source })));
  });

  it("spreads the flows over the backends anew, so that some move and some stay", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const server = await balancer({ backends: [a.port] });
    const clients = Array.from({ length: 24 }, () => client(server));
    const before = await Promise.all(clients.map((it) => it.ask()));
    server.setBackends([a.port, b.port]);
    server.respread("salt");
    const after = await Promise.all(clients.map((it) => it.ask()));
    expect(new Set(after.map((it) => it.name))).toEqual(new Set(["a", "b"]));
    expect(after.map((it) => it.source)).toEqual(before.map((it) => it.source));
  });

  it("gives every flow a new source port when a NAT rebinds, and keeps its backend", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const server = await balancer({ backends: [a.port, b.port] });
    const clients = Array.from({ length: 8 }, () => client(server));
    const before = await Promise.all(clients.map((it) => it.ask()));
    await server.changeSourcePorts();
    const after = await Promise.all(clients.map((it) => it.ask()));
    expect(after.map((it) => it.name)).toEqual(before.map((it) => it.name));
    for (const [i, { source }] of after.entries()) expect(source).not.toBe(before[i]?.source);
  });

  it("moves only the flows of a backend that is gone", async () => {
    const [a, b, c] = [await backend("a"), await backend("b"), await backend("c")];
    const server = await balancer({ backends: [a.port, b.port, c.port] });
    const clients = Array.from({ length: 24 }, () => client(server));
    const before = await Promise.all(clients.map((it) => it.ask()));
    server.setBackends([a.port, c.port]);
    const after = await Promise.all(clients.map((it) => it.ask()));
    for (const [i, { name }] of after.entries()) {
      if (before[i]?.name === "b") expect(["a", "c"]).toContain(name);
      else expect(name).toBe(before[i]?.name);
    }
  });

  it("drops what a backend sends that is no longer the flow's", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const server = await balancer({ backends: [a.port, b.port] });
    const device = client(server);
    const { name, source } = await device.ask();
    server.rehash();
    const old = name === "a" ? a : b;
    old.socket.send("late", Number(source), "127.0.0.1");
    expect((await device.ask()).name).not.toBe(name);
    expect(server.stats.strays).toBe(1);
  });

  it("delivers what any backend sends, where told to", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const server = await balancer({ backends: [a.port, b.port] });
    server.deliverStrays();
    const device = client(server);
    const { name, source } = await device.ask();
    const late = device.hear();
    (name === "a" ? b : a).socket.send("late:0", Number(source), "127.0.0.1");
    expect((await late).name).toBe("late");
  });

  it("shows every datagram that comes, also from a backend that is not the flow's", async () => {
    const [a, b] = [await backend("a"), await backend("b")];
    const seen: string[] = [];
    const server = await balancer({
      backends: [a.port],
      onDatagram: (from, _, backendPort, bytes) =>
        seen.push(`${from} ${backendPort === a.port ? "a" : "b"} ${Buffer.from(bytes)}`),
    });
    server.deliverStrays();
    const device = client(server);
    const { source } = await device.ask();
    const late = device.hear();
    b.socket.send("late", Number(source), "127.0.0.1");
    await late;
    expect(seen).toEqual(["client a ?", `backend a a:${source}`, "backend b late"]);
  });

  it("holds no more flows than it may", async () => {
    const a = await backend("a");
    const server = await balancer({ backends: [a.port], maxFlows: 2 });
    for (let i = 0; i < 5; i++) await client(server).ask();
    expect(server.stats).toMatchObject({ flows: 2, evicted: 3 });
  });
});
