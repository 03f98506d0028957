#!/usr/bin/env node
import { runCli } from "./cli.ts";

// Whoever reads our output may stop reading: `ferry tail telemetry | head`.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
