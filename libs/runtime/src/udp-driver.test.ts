import type { Machine } from "@ferry/coap";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { PortInUseError, UsageError } from "./errors.ts";
import { formatPeerKey, parsePeerKey } from "./peer-key.ts";
import { sumDrops } from "./socket-drops.ts";
import { driveMachine, openUdpSocket, type UdpSocket } from "./udp-driver.ts";

const opened: UdpSocket[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((socket) => socket.close()));
});

interface Datagram {
  readonly text: string;
  readonly peer: string;
}

async function open(options: {
  host?: string;
  port?: number;
  echo?: boolean;
}): Promise<UdpSocket & { received: Datagram[] }> {
  const received: Datagram[] = [];
  const socket: UdpSocket = await openUdpSocket({
    port: 0,
    ...options,
    onDatagram: (bytes, peer) => {
      received.push({ text: Buffer.from(bytes).toString(), peer });
      if (options.echo) socket.send(bytes, peer);
    },
    onError: (error) => {
      throw error;
    },
  });
  opened.push(socket);
  return Object.assign(socket, { received });
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a UDP socket", () => {
  it("serves IPv4 and IPv6 on one port and knows an IPv4 peer by its IPv4 address", async () => {
    const server = await open({ echo: true });
    for (const host of server.host === "::" ? ["127.0.0.1", "::1"] : ["127.0.0.1"]) {
      const client = await open({ host });
      client.send(Buffer.from("hello"), formatPeerKey(host, server.port));
      await until(() => client.received.length === 1);
      expect(client.received).toEqual([{ text: "hello", peer: formatPeerKey(host, server.port) }]);
      expect(server.received.at(-1)?.peer).toBe(formatPeerKey(host, client.port));
    }
  });

  it("says in one line that its port is another's", async () => {
    const { port } = await open({ host: "127.0.0.1" });
    const attempt = open({ host: "127.0.0.1", port });
    await expect(attempt).rejects.toThrow(PortInUseError);
    await expect(attempt).rejects.toThrow(
      `udp port ${port} on 127.0.0.1 is in use: stop the process that has it, or choose another port`,
    );
  });

  it("takes an address, not a name", async () => {
    await expect(open({ host: "localhost" })).rejects.toThrow(UsageError);
  });

  it("has a receive buffer as large as the kernel grants", async () => {
    expect((await open({})).receiveBufferBytes).toBeGreaterThan(65_536);
  });

  it("goes on when a peer is not there", async () => {
    const server = await open({ host: "127.0.0.1", echo: true });
    server.send(Buffer.from("x"), "127.0.0.1:9");
    const client = await open({ host: "127.0.0.1" });
    client.send(Buffer.from("still here"), `127.0.0.1:${server.port}`);
    await until(() => client.received.length === 1);
  });

  it("counts what the kernel dropped while nobody read", async () => {
    const server = await open({ host: "127.0.0.1" });
    const client = await open({ host: "127.0.0.1" });
    expect(server.kernelDrops()).toBe(0);
    if (process.platform !== "linux") return;
    // Nothing is received before this turn of the event loop ends.
    for (let index = 0; index < 12_000; index++) client.send(FULL, `127.0.0.1:${server.port}`);
    expect(server.kernelDrops()).toBeGreaterThan(0);
  });
});

const FULL = Buffer.alloc(1400);

describe("the kernel's table of UDP sockets", () => {
  const TABLE = [
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops",
    "  123: 00000000:1635 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 5",
    "  124: 00000000:1635 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 222 2 0000000000000000 7",
    "  125: 00000000:1636 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 111 2 0000000000000000 9",
  ].join("\n");

  it("counts only the drops of our sockets on the port", () => {
    expect(sumDrops(TABLE, 5685, new Set(["111"]))).toBe(5);
    expect(sumDrops(TABLE, 5685, new Set(["111", "222"]))).toBe(12);
  });
});

describe("a peer key", () => {
  it.each([
    ["192.0.2.1", 5683, "192.0.2.1:5683"],
    ["::ffff:192.0.2.1", 5683, "192.0.2.1:5683"],
    ["2001:db8::1", 5683, "[2001:db8::1]:5683"],
    ["fe80::1%eth0", 1, "[fe80::1%eth0]:1"],
  ])("of %s port %d is %s", (address, port, key) => {
    expect(formatPeerKey(address, port)).toBe(key);
    expect(parsePeerKey(key)).toEqual({ address: address.replace("::ffff:", ""), port });
  });

  it.each(["", "192.0.2.1", "192.0.2.1:", "192.0.2.1:70000", "192.0.2.1:0", "host:1", "[192.0.2.1]:1", "2001:db8::1"])(
    "is not %j",
    (text) => {
      expect(parsePeerKey(text)).toBeUndefined();
    },
  );
});

/** Repeats what it is given, and says "due" at the deadline it was given with `at`. */
class Repeater implements Machine<{ readonly say?: string; readonly at?: number }, string> {
  deadlineMs: number | undefined;
  readonly ticks: number[] = [];

  handle(input: { readonly say?: string; readonly at?: number }): string[] {
    if (input.at !== undefined) this.deadlineMs = input.at;
    return input.say === undefined ? [] : [...input.say];
  }

  tick(nowMs: number): string[] {
    this.ticks.push(nowMs);
    if (this.deadlineMs === undefined || nowMs < this.deadlineMs) return [];
    this.deadlineMs = undefined;
    return ["due"];
  }
}

describe("driving a machine", () => {
  it("performs outputs in order, also when performing one gives the machine another input", () => {
    const performed: string[] = [];
    const driver = driveMachine(new Repeater(), (output) => {
      performed.push(output);
      if (output === "a") driver.handle({ say: "xy" });
    });
    driver.handle({ say: "abc" });
    expect(performed.join("")).toBe("abcxy");
  });

  it("ticks when the deadline has come, moved earlier or later", () => {
    jest.useFakeTimers();
    try {
      let nowMs = 0;
      const pass = (ms: number): void => {
        nowMs += ms;
        jest.advanceTimersByTime(ms);
      };
      const machine = new Repeater();
      const performed: string[] = [];
      const driver = driveMachine(
        machine,
        (output) => void performed.push(output),
        () => nowMs,
      );
      driver.handle({ at: 1000 });
      driver.handle({ at: 100 });
      pass(99);
      expect(performed).toEqual([]);
      pass(1);
      expect(performed).toEqual(["due"]);
      driver.handle({ at: 200 });
      driver.handle({ at: 500 });
      pass(399);
      expect(performed).toEqual(["due"]);
      pass(1);
      expect(performed).toEqual(["due", "due"]);
      driver.handle({ at: 600 });
      driver.stop();
      pass(1000);
      expect(performed).toHaveLength(2);
    } finally {
      jest.useRealTimers();
    }
  });
});
