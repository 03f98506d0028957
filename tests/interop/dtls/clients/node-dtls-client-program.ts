/** A client on node-dtls-client: `node-dtls-client-program.ts PORT IDENTITY KEY SUITE`. Sends the lines of its standard input and writes what comes back. */
import { createInterface } from "node:readline";
import { dtls } from "node-dtls-client";

const HANDSHAKE_TIMEOUT_MS = 20_000;

const [port, identity = "", key = "", suite = ""] = process.argv.slice(2);
const socket = dtls.createSocket({
  type: "udp4",
  address: "127.0.0.1",
  port: Number(port),
  psk: { [identity]: key },
  timeout: HANDSHAKE_TIMEOUT_MS,
  ciphers: [suite] as NonNullable<dtls.Options["ciphers"]>,
});
socket.on("connected", () => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => socket.send(Buffer.from(line)));
  lines.on("close", () => socket.close(() => process.exit()));
});
socket.on("message", (message: Buffer) => process.stdout.write(`${message}\n`));
socket.on("error", (error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
