import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { MissingToolError, ProcessStartError } from "./errors.ts";

const JARS: string = `${import.meta.dirname}/../../../.ferry/kafka-consumer`;
const MAX_RECORDS = 1_000_000;

/** A record as Kafka's own Java client read it. */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string | null>>;
  /** Null for a tombstone. */
  readonly value: Uint8Array | null;
}

/**
 * Reads all that topics hold now with Kafka's own Java client: a witness that shares no code with us.
 * The order holds within a partition.
 *
 * @throws {MissingToolError} the jars are not there
 * @throws {ProcessStartError} the client failed, or there are more than a million records
 */
export async function readKafkaRecords(
  bootstrapServers: readonly string[],
  topics: readonly string[],
): Promise<KafkaRecord[]> {
  if (!existsSync(`${JARS}/.built`)) throw new MissingToolError("Kafka's Java client", "npm run setup:test");
  const child = spawn(
    "java",
    [
      "-Xmx256m",
      "-cp",
      `${JARS}/kafka-consumer-1.jar:${JARS}/lib/*`,
      "ferry.interop.KafkaRecords",
      "--bootstrap-servers",
      bootstrapServers.join(","),
      "--topics",
      topics.join(","),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-4096);
  });
  const exited = new Promise<number | null>((resolve, reject) => {
    child.once("error", (cause) => reject(new ProcessStartError(`java does not start: ${cause.message}`)));
    child.once("close", resolve);
  });
  const records: KafkaRecord[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (records.length === MAX_RECORDS) {
      child.kill();
      throw new ProcessStartError(`more than ${MAX_RECORDS} records in ${topics.join(", ")}`);
    }
    const { valueBase64, ...record } = JSON.parse(line) as Omit<KafkaRecord, "value"> & { valueBase64: string | null };
    records.push({ ...record, value: valueBase64 === null ? null : Buffer.from(valueBase64, "base64") });
  }
  const code = await exited;
  if (code !== 0) throw new ProcessStartError(`the Kafka consumer ended with ${code}: ${stderr.trim()}`);
  return records;
}
