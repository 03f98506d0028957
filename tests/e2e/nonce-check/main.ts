/**
 * Says whether a server used an explicit nonce twice under one key: `node tests/e2e/nonce-check/main.ts CAPTURE-FILE`. Writes a report in JSON. Ends with 1
 * when one was, with 2 when the capture has records that it cannot follow or nothing at all. It knows nothing of Ferry: only what DTLS shows in the clear.
 */
import { readFileSync } from "node:fs";
import { decodeEntries } from "./capture-file.ts";
import { findNonceReuse } from "./find-reuse.ts";

const [path] = process.argv.slice(2);
if (path === undefined) {
  process.stderr.write("usage: node tests/e2e/nonce-check/main.ts CAPTURE-FILE\n");
  process.exit(2);
}
const report = findNonceReuse(decodeEntries(readFileSync(path)));
process.stdout.write(`${JSON.stringify(report)}\n`);
if (report.reused > 0) process.exitCode = 1;
else if (report.unreadable > 0 || report.sealed === 0) process.exitCode = 2;
