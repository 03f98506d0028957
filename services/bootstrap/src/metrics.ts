import { DROP_REASONS } from "@ferry/coap";
import type { Registered } from "@ferry/runtime";

/** What a bootstrap server counts. Names are its own: in standalone it shares a registry with the transport. */
export const BOOTSTRAP_METRICS = {
  requests: {
    type: "counter",
    name: "lwm2m_bootstrap_requests_total",
    help: "Bootstrap-Requests and Bootstrap-Pack-Requests, by what became of them: a session began, a pack was given, or why not. `anotherAddress` is told to come again (5.03) because a session in the clear runs with an address that has answered; `packInClear` would have sent keys to whoever asked (5.01), `limited` (strangers) and `tooOften` (devices) were dropped, `closed` came by a DTLS association that has ended.",
    labels: {
      outcome: [
        "begun",
        "packed",
        "malformed",
        "unknownDevice",
        "anotherIdentity",
        "noConfiguration",
        "tooManySessions",
        "draining",
        "anotherAddress",
        "packInClear",
        "unavailable",
        "limited",
        "tooOften",
        "closed",
      ],
    },
  },
  sessions: {
    type: "counter",
    name: "lwm2m_bootstrap_sessions_total",
    help: "Bootstrap sessions that ended, by how: `refused` by the device, not answered by it, over its time, replaced by another session of the device, stopped with this process, or `noKey`: a key that was to be made was not put in force.",
    labels: { outcome: ["succeeded", "refused", "noAnswer", "deadline", "replaced", "stopped", "noKey"] },
  },
  steps: {
    type: "counter",
    name: "lwm2m_bootstrap_steps_total",
    help: "Requests of bootstrap sessions to devices, by operation and how the device answered.",
    labels: {
      step: ["discover", "read", "delete", "write", "finish"],
      outcome: ["success", "refused", "noAnswer"],
    },
  },
  sessionSeconds: {
    type: "histogram",
    name: "lwm2m_bootstrap_session_seconds",
    help: "How long bootstrap sessions took that succeeded.",
    buckets: [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  running: { type: "gauge", name: "lwm2m_bootstrap_sessions", help: "Bootstrap sessions that run." },
  handshakesRefused: {
    type: "counter",
    name: "lwm2m_bootstrap_refused_handshakes_total",
    help: "DTLS handshakes with the bootstrap server that did not end and were told of; all are in `lwm2m_bootstrap_dtls_handshake_failures_total`.",
  },
  unpublished: {
    type: "counter",
    name: "lwm2m_bootstrap_unpublished_total",
    help: "Bootstrap records that Kafka did not take.",
  },
  drops: {
    type: "counter",
    name: "lwm2m_bootstrap_coap_drops_total",
    help: "Datagrams and bodies that CoAP dropped, by reason.",
    labels: {
      reason: DROP_REASONS as typeof DROP_REASONS, // What isolatedDeclarations cannot infer must be said.
    },
  },
  socketDrops: {
    type: "gauge",
    name: "lwm2m_bootstrap_socket_drops",
    help: "Datagrams that the kernel dropped because the CoAP listener's receive buffer was full.",
  },
  dtlsSocketDrops: {
    type: "gauge",
    name: "lwm2m_bootstrap_dtls_socket_drops",
    help: "Datagrams that the kernel dropped because the DTLS listener's receive buffer was full.",
  },
  slot: { type: "gauge", name: "lwm2m_bootstrap_slot", help: "Slot of this process, 64 to 191." },
} as const;

/** The registered metrics. */
export type BootstrapMetrics = Registered<typeof BOOTSTRAP_METRICS>;

/** Label of `requests` for one that began nothing. */
export type RequestRefusal = Exclude<
  (typeof BOOTSTRAP_METRICS.requests.labels.outcome)[number],
  "begun" | "packed" | "limited" | "tooOften" | "closed"
>;

/** Label of `sessions`. */
export type SessionEnd = (typeof BOOTSTRAP_METRICS.sessions.labels.outcome)[number];
