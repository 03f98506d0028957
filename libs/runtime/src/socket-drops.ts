import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/**
 * Datagrams that the kernel threw away because the receive buffer of our sockets on this UDP port was full.
 *
 * Read from /proc/net/udp and udp6 by the inodes of this process; 0 where there is no such file (not Linux).
 */
export function kernelDrops(port: number): number {
  try {
    const inodes = ownSocketInodes();
    return (
      sumDrops(readFileSync("/proc/net/udp", "utf8"), port, inodes) +
      sumDrops(readIfThere("/proc/net/udp6"), port, inodes)
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

/** Adds up the last column, `drops`, of the rows that are on the port and ours. */
export function sumDrops(table: string, port: number, inodes: ReadonlySet<string>): number {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let drops = 0;
  for (const line of table.split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/);
    if (columns[1]?.endsWith(suffix) && inodes.has(columns[9] ?? "")) drops += Number(columns.at(-1));
  }
  return drops;
}

function ownSocketInodes(): ReadonlySet<string> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync("/proc/self/fd")) {
    const inode = /^socket:\[(\d+)\]$/.exec(readLinkIfThere(`/proc/self/fd/${descriptor}`))?.[1];
    if (inode !== undefined) inodes.add(inode);
  }
  return inodes;
}

/** A descriptor may be closed between the listing and the look: the listing's own always is. */
function readLinkIfThere(file: string): string {
  try {
    return readlinkSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}

/** IPv6 may be switched off. */
function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
