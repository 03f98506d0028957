/**
 * The CoAP stack alone: what a CON notification costs from datagram to ACK, and what a peer costs in memory.
 *
 * Run: `npx node --expose-gc tests/bench/coap.bench.ts`. The notification has 8 bytes of token, Observe, Content-Format
 * and 40 bytes of payload; every one comes from the next of 20,000 peers, under a new Message ID, and time goes on by
 * 1 ms per notification, so that memory of old ones expires while the benchmark runs.
 */
import { randomBytes } from "node:crypto";
import { CODE, type CoapOption, CoapStack, encodeMessage, MESSAGE_TYPE, OPTION, uintOption } from "@ferry/coap";
import { Bench } from "tinybench";

const PEERS = 20_000;
const BATCH = 1000;
const peers = Array.from({ length: PEERS }, (_, index) => `10.${index >> 8}.${index & 0xff}.1:5683`);
const options: CoapOption[] = [uintOption(OPTION.OBSERVE, 77), uintOption(OPTION.CONTENT_FORMAT, 11542)];

function notification(messageId: number): Uint8Array {
  const [type, code] = [MESSAGE_TYPE.CON, CODE.CONTENT];
  return encodeMessage({ type, code, messageId, token: randomBytes(8), options, payload: randomBytes(40) });
}

/** Every datagram is a Buffer of its own, as `node:dgram` hands them out. */
const datagrams = Array.from({ length: 1024 }, () => Buffer.from(notification(0)));

class Load {
  readonly stack: CoapStack = new CoapStack({ random: randomBytes });
  #count = 0;

  /** One notification from datagram to ACK. */
  notify(): void {
    const count = this.#count++;
    const bytes = datagrams[count & 1023] as Buffer; // In range.
    bytes.writeUInt16BE(Math.floor(count / PEERS) & 0xffff, 2);
    const peer = peers[count % PEERS] as string; // In range.
    for (const output of this.stack.handle({ type: "datagram", peer, bytes }, count)) {
      if (output.type === "notification") this.stack.handle({ type: "acknowledge", handle: output.handle }, count);
    }
    if ((this.stack.deadlineMs ?? Number.POSITIVE_INFINITY) <= count) this.stack.tick(count);
  }
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Heap bytes per peer after each has sent this many notifications, all acknowledged and remembered. */
function measurePeer(notifications: number): string {
  const before = heapBytes();
  const load = new Load();
  for (let count = 0; count < PEERS * notifications; count++) load.notify();
  const bytes = (heapBytes() - before) / PEERS;
  return `${bytes.toFixed(0)} bytes per peer with ${load.stack.usage.remembered / PEERS} messages remembered`;
}

for (const notifications of [1, 4]) process.stdout.write(`${measurePeer(notifications)}\n`);

const load = new Load();
const bench = new Bench({ time: 2000, warmupTime: 500 });
let notifications = 0;
let started = process.threadCpuUsage();
bench.add("CON notification: decode, event, ACK", () => {
  for (let count = 0; count < BATCH; count++) load.notify();
  notifications += BATCH;
});
bench.addEventListener("start", () => {
  notifications = 0;
  started = process.threadCpuUsage();
});
await bench.run();
const { user, system } = process.threadCpuUsage(started);
const [task] = bench.tasks;
if (task?.result.state === "completed") {
  const wall = (task.result.latency.p50 * 1000) / BATCH;
  const cpu = (user + system) / notifications;
  process.stdout.write(`${task.name}: ${wall.toFixed(2)} µs median, ${cpu.toFixed(2)} µs CPU of the thread\n`);
}
