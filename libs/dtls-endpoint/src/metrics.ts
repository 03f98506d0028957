import type { MetricTable, Registered } from "@ferry/runtime";

/** What the DTLS listener of LwM2M servers counts. */
export const DTLS_METRICS = {
  dtlsHandshakes: {
    type: "counter",
    name: "lwm2m_dtls_handshakes_total",
    help: "DTLS handshakes that ended, by kind.",
    labels: { kind: ["full", "resumed"] },
  },
  dtlsHandshakeFailures: {
    type: "counter",
    name: "lwm2m_dtls_handshake_failures_total",
    help: "DTLS handshakes that did not end, by reason.",
    labels: {
      reason: [
        "unknownIdentity",
        "wrongKey",
        "unauthorized",
        "noCommonSuite",
        "noCommonParameters",
        "extendedMasterSecretRequired",
        "clientCertificateRequired",
        "unexpectedMessage",
        "malformed",
        "peerAlert",
        "timeout",
        "unavailable",
        "evicted",
      ],
    },
  },
  dtlsDrops: {
    type: "counter",
    name: "lwm2m_dtls_dropped_total",
    help: "Datagrams and records of the DTLS listener that were not used, by reason.",
    labels: {
      reason: [
        "malformed",
        "version",
        "unknownAssociation",
        "unknownEpoch",
        "replay",
        "badMac",
        "cidMissing",
        "plaintextAlert",
        "noHandshake",
        "badFragment",
        "tooManyHandshakes",
        "tooManyComputations",
        "tooManyLookups",
        "parkedFull",
        "amplification",
        "noAssociation",
        "noSequence",
        "tooLarge",
      ],
    },
  },
  dtlsClosed: {
    type: "counter",
    name: "lwm2m_dtls_associations_closed_total",
    help: "DTLS associations that left memory, by reason.",
    labels: { reason: ["closeNotify", "fatalAlert", "replaced", "closed", "idle", "evicted", "lost"] },
  },
  dtlsTakeOvers: {
    type: "counter",
    name: "lwm2m_dtls_take_overs_total",
    help: "DTLS associations taken over from another node, by whether that node was alive; `kept`: it was, and had received that record or a newer one.",
    labels: { owner: ["alive", "dead", "kept"] },
  },
  dtlsMoves: {
    type: "counter",
    name: "lwm2m_dtls_moves_total",
    help: "New addresses of devices that were followed by Connection ID (RFC 9146).",
  },
  dtlsLookups: {
    type: "counter",
    name: "lwm2m_dtls_lookups_total",
    help: "Look-ups of unknown associations in the store, by outcome; `spared` were answered from memory.",
    labels: { outcome: ["found", "none", "spared", "limited", "unavailable", "damaged"] },
  },
  dtlsComputations: {
    type: "counter",
    name: "lwm2m_dtls_computations_total",
    help: "Signatures, verifications and key agreements of handshakes, by where they were done.",
    labels: { where: ["inPlace", "pool"] },
  },
  dtlsAssociations: {
    type: "gauge",
    name: "lwm2m_dtls_associations",
    help: "DTLS associations in memory.",
  },
  dtlsKeyFiles: {
    type: "counter",
    name: "lwm2m_dtls_key_reloads_total",
    help: "Times that the folder of keys was read anew, by outcome; `kept`: a file is broken, and what it held before goes on.",
    labels: { outcome: ["loaded", "kept"] },
  },
} as const;

/** The same of the listener of bootstrap servers, under names of its own: one process can have both. */
export const BOOTSTRAP_DTLS_METRICS: typeof DTLS_METRICS = renamed(DTLS_METRICS);

/** `lwm2m_dtls_…` becomes `lwm2m_bootstrap_dtls_…`. */
function renamed<const Table extends MetricTable>(table: Table): Table {
  return Object.fromEntries(
    Object.entries(table).map(([key, definition]) => [
      key,
      { ...definition, name: definition.name.replace("lwm2m_", "lwm2m_bootstrap_") },
    ]),
  ) as unknown as Table; // But for the names all is the same.
}

export type DtlsMetrics = Registered<typeof DTLS_METRICS>;
