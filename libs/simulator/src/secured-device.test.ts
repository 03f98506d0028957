import { randomBytes } from "node:crypto";
import type { Machine } from "@ferry/coap";
import { DtlsClient, type DtlsServerInput, type DtlsServerOutput } from "@ferry/dtls";
import { DTLS_KEYS, DtlsAnswers, makeDtlsServer } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import type { DeviceInput, DeviceOutput } from "./device-io.ts";
import { type DeviceSecurity, SecuredDevice } from "./secured-device.ts";

const SERVER = "192.0.2.1:5686";
const DEVICE = "198.51.100.1:1000";
const PSK: DeviceSecurity = { credential: { type: "psk", identity: Buffer.from("meter-1"), key: DTLS_KEYS.psk } };
const MISTRUSTFUL: DeviceSecurity = {
  credential: {
    type: "rawPublicKey",
    privateKey: DTLS_KEYS.device,
    server: { type: "publicKey", publicKey: DTLS_KEYS.devicePublicKey },
  },
};

/** A device that says its lines when it is told to update, and notes what it hears. */
class Puppet implements Machine<DeviceInput, DeviceOutput> {
  readonly heard: string[] = [];
  says: DeviceOutput[] = [];
  readonly deadlineMs = undefined;

  handle(input: DeviceInput): DeviceOutput[] {
    if (input.type === "datagram") this.heard.push(Buffer.from(input.bytes).toString());
    return input.type === "update" ? this.says : [];
  }

  tick(): DeviceOutput[] {
    return [];
  }
}

const line = (text: string): DeviceOutput => ({ type: "send", peer: SERVER, bytes: Buffer.from(text) });

/** A device, and a server that answers at once and repeats what it hears. */
class Scene {
  readonly puppet = new Puppet();
  readonly answers = new DtlsAnswers();
  readonly events: DeviceOutput[] = [];
  readonly heard: string[] = [];
  nowMs = 0;
  isConnected = true;
  sent = 0;
  server = makeDtlsServer({ random: randomBytes, wallMs: () => Date.UTC(2030, 0, 1) });
  readonly #device: SecuredDevice;

  constructor(security: DeviceSecurity) {
    this.answers.addPsk("meter-1");
    this.answers.addPublicKey(DTLS_KEYS.devicePublicKey, "meter-1");
    const random = (size: number): Uint8Array => new Uint8Array(size); // No jitter.
    const parts = { server: SERVER, random, wallMs: () => Date.UTC(2030, 0, 1) };
    this.#device = new SecuredDevice(this.puppet, { ...security, ...parts });
  }

  says(...says: (DeviceOutput | string)[]): this {
    this.puppet.says = says.map((it) => (typeof it === "string" ? line(it) : it));
    this.#perform(this.#device.handle({ type: "update" }, this.nowMs));
    return this;
  }

  /** Lets time go by. */
  advance(ms: number): this {
    const untilMs = this.nowMs + ms;
    for (;;) {
      const { deadlineMs } = this.#device;
      if (deadlineMs === undefined || deadlineMs > untilMs) break;
      this.nowMs = Math.max(deadlineMs, this.nowMs);
      this.#perform(this.#device.tick(this.nowMs));
    }
    this.nowMs = untilMs;
    return this;
  }

  /** A node that knows nothing of the one before, but for the sessions. */
  replaceServer(): void {
    this.answers.associations.clear();
    this.server = makeDtlsServer({ random: randomBytes, wallMs: () => Date.UTC(2030, 0, 1), slot: 2 });
  }

  #perform(outputs: readonly DeviceOutput[]): void {
    for (const output of outputs) {
      if (output.type !== "send") {
        this.events.push(output);
        continue;
      }
      this.sent++;
      if (this.isConnected) this.#serve({ type: "datagram", address: DEVICE, bytes: output.bytes });
    }
  }

  #serve(input: DtlsServerInput): void {
    for (const output of this.server.handle(input, this.nowMs)) this.#performServer(output);
  }

  #performServer(output: DtlsServerOutput): void {
    if (output.type === "send") {
      this.#perform(this.#device.handle({ type: "datagram", peer: SERVER, bytes: output.bytes }, this.nowMs));
    } else if (output.type === "question") {
      const answer = this.answers.answer(output.question, 1);
      if (answer !== undefined) this.#serve({ type: "answer", question: output.id, answer });
    } else if (output.type === "received") {
      this.heard.push(Buffer.from(output.bytes).toString());
      this.#serve({ type: "send", association: output.association.id, bytes: output.bytes });
    }
  }
}

describe("a device behind DTLS", () => {
  it("keeps what it says until there is an association, then both hear each other", () => {
    const scene = new Scene({ ...PSK, ownCidLengthBytes: 0 });
    scene.says("register", "update");
    expect(scene.heard).toEqual(["register", "update"]);
    expect(scene.puppet.heard).toEqual(["register", "update"]);
    expect(scene.events).toEqual([
      { type: "associated", suite: "TLS_PSK_WITH_AES_128_CCM_8", resumed: false, hasCid: true },
    ]);
    expect(scene.says("more").heard.at(-1)).toBe("more");
    expect(scene.events).toHaveLength(1);
  });

  it("says once what it repeated while the handshake went on", () => {
    const scene = new Scene(PSK);
    scene.isConnected = false;
    scene.says("register").advance(500);
    scene.says("register").advance(100);
    scene.isConnected = true;
    scene.advance(1_000);
    expect(scene.heard).toEqual(["register"]);
  });

  it("loses the oldest of more than 16 datagrams that wait", () => {
    const scene = new Scene(PSK);
    scene.isConnected = false;
    scene.says(...Array.from({ length: 20 }, (_, n) => `n${n}`));
    scene.isConnected = true;
    scene.advance(2_000);
    expect(scene.heard).toEqual(Array.from({ length: 16 }, (_, n) => `n${n + 4}`));
  });

  it.each<DeviceOutput>([
    { type: "unanswered", uplink: "update", reason: "timeout" },
    {
      type: "undelivered",
      reason: "timeout",
      observation: { token: "", paths: [], composite: false },
      notification: 1,
      confirmable: true,
      nodes: [],
    },
  ])("resumes its session when the server has not answered: $type", (event) => {
    const scene = new Scene(PSK);
    scene.says("register");
    scene.replaceServer();
    scene.says("update");
    expect(scene.heard).toEqual(["register"]);
    scene.says(event, "register again");
    expect(scene.heard).toEqual(["register", "register again"]);
    expect(scene.events).toMatchObject([
      { type: "associated", resumed: false },
      event,
      { type: "associated", resumed: true },
    ]);
  });

  it("makes a full handshake instead when it does not resume", () => {
    const scene = new Scene({ ...PSK, resume: false });
    scene.says("register");
    scene.replaceServer();
    scene.says({ type: "unanswered", uplink: "update", reason: "timeout" }, "register again");
    expect(scene.events.at(-1)).toMatchObject({ type: "associated", resumed: false });
    expect(scene.heard.at(-1)).toBe("register again");
  });

  it("waits longer after each handshake that fails: 1, 2, 4 … 60 s", () => {
    const scene = new Scene(MISTRUSTFUL);
    const failedMs: number[] = [];
    for (; scene.nowMs < 200_000; scene.advance(500)) {
      const before = scene.events.length;
      scene.says("register");
      if (scene.events.length > before) failedMs.push(scene.nowMs);
    }
    expect(scene.events[0]).toMatchObject({ type: "associationFailed", reason: "unauthorized" });
    const waits = failedMs.slice(1).map((ms, index) => ms - (failedMs[index] ?? 0));
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });

  it("takes its leave with close_notify when it has deregistered, and is back with a handshake", () => {
    const scene = new Scene(PSK);
    scene.says("register").says({ type: "deregistered" });
    scene.says("register");
    expect(scene.events).toMatchObject([
      { type: "associated" },
      { type: "deregistered" },
      { type: "associated", resumed: true },
    ]);
    expect(scene.heard).toEqual(["register", "register"]);
  });

  it("hears nothing that does not come from the server's address", () => {
    const device = new SecuredDevice(new Puppet(), { ...PSK, server: SERVER, random: randomBytes, wallMs: () => 0 });
    const stranger = new DtlsClient({ credential: { ...PSK.credential }, random: randomBytes, wallMs: () => 0 });
    const [hello] = stranger.handle({ type: "connect" }, 0);
    const bytes = hello?.type === "send" ? hello.bytes : new Uint8Array(0);
    expect(device.handle({ type: "datagram", peer: "203.0.113.9:1", bytes }, 0)).toEqual([]);
  });
});
