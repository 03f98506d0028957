import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Ticks per second of the times in `/proc`: USER_HZ, 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const IDLE_LOOK_MS = 300;
/** A process at rest still takes a tick now and then. */
const IDLE_SECONDS = 0.03;

/** CPU time of a process since its start, user and system, all threads, s. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The fields behind the name, which is in parentheses and may hold anything: utime and stime are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Resident memory of a process, bytes. */
export function residentBytes(pid: number): number {
  return statusBytes(pid, "VmRSS");
}

/** The most resident memory that a process had since its start, bytes. */
export function peakResidentBytes(pid: number): number {
  return statusBytes(pid, "VmHWM");
}

function statusBytes(pid: number, field: string): number {
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Resolves when a process has done what it had to do, so that queued work is charged to who caused it. */
export async function becomesIdle(pid: number): Promise<void> {
  for (let before = cpuSeconds(pid), looks = 0; looks < 50; looks++) {
    await sleep(IDLE_LOOK_MS);
    const now = cpuSeconds(pid);
    if (now - before <= IDLE_SECONDS) return;
    before = now;
  }
}
