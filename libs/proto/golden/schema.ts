import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { createFileRegistry, type DescMessage, type FileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

const ROOT = join(import.meta.dirname, "../../..");

/** Runs buf, which the root package brings; offline. */
export function buf(...args: readonly string[]): Buffer {
  return execFileSync(join(ROOT, "node_modules/.bin/buf"), args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] });
}

/** The schemas of `proto/` as @bufbuild/protobuf sees them: an implementation that shares nothing with protobufjs. */
export function readSchema(): FileRegistry {
  return createFileRegistry(fromBinary(FileDescriptorSetSchema, buf("build", "proto", "-o", "-")));
}

/** The messages of the contract. */
export function messagesOf(schema: FileRegistry): DescMessage[] {
  return [...schema].filter((type) => type.kind === "message");
}
