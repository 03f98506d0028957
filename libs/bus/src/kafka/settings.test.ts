import { expect, it } from "@jest/globals";
import { type KafkaSettings, validateKafkaSettings } from "./settings.ts";

const GOOD: KafkaSettings = { bootstrapServers: ["kafka-0:9092", "[2001:db8::1]:9092"], clientId: "transport-0" };

it("accepts plain, TLS and SCRAM settings", () => {
  const sasl = { mechanism: "SCRAM-SHA-512", username: "u", password: "p" };
  expect(validateKafkaSettings(GOOD)).toEqual([]);
  expect(validateKafkaSettings({ ...GOOD, securityProtocol: "SSL", ssl: { ca: "PEM" } })).toEqual([]);
  expect(validateKafkaSettings({ ...GOOD, securityProtocol: "SASL_SSL", sasl })).toEqual([]);
});

it.each<[string, Partial<Record<keyof KafkaSettings, unknown>>, RegExp]>([
  ["no bootstrap server", { bootstrapServers: [] }, /at least one host:port/],
  ["a bootstrap server without port", { bootstrapServers: ["kafka"] }, /"kafka" is not host:port/],
  ["a protocol nobody knows", { securityProtocol: "TLS" }, /TLS is not known: use PLAINTEXT/],
  ["GSSAPI", { securityProtocol: "SASL_SSL", sasl: { mechanism: "GSSAPI" } }, /GSSAPI is not supported: use PLAIN/],
  ["SASL without a mechanism", { securityProtocol: "SASL_SSL" }, /needs a SASL mechanism/],
  ["SASL that would not be used", { sasl: { mechanism: "PLAIN" } }, /does not use it: use SASL_SSL/],
  ["TLS that would not be used", { ssl: {} }, /does not use it: use SSL/],
  ["a certificate without key", { securityProtocol: "SSL", ssl: { certificate: "PEM" } }, /needs its key/],
  ["zstd", { compressionType: "zstd" }, /zstd is not supported: use none, gzip/],
])("refuses %s with a sentence", (_name, wrong, sentence) => {
  expect(validateKafkaSettings({ ...GOOD, ...wrong } as KafkaSettings)).toEqual([expect.stringMatching(sentence)]);
});
