import type { Registered } from "@ferry/runtime";

/** What an rpc-router counts. */
export const RPC_ROUTER_METRICS = {
  requests: {
    type: "counter",
    name: "lwm2m_rpc_requests_total",
    help: "Records of the request topic, by what became of them.",
    labels: { outcome: ["routed", "waiting", "answered", "repeated", "invalid", "failed"] },
  },
  answers: {
    type: "counter",
    name: "lwm2m_rpc_router_answers_total",
    help: "Final answers that the router decided, by status.",
    labels: {
      status: ["FAILED", "REJECTED", "NOT_REGISTERED", "UNREACHABLE", "EXPIRED", "DISPLACED", "INDETERMINATE"],
    },
  },
  routeSeconds: {
    type: "histogram",
    name: "lwm2m_rpc_route_seconds",
    help: "From taking a request to its hand-over or answer.",
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
  },
  provisioning: {
    type: "counter",
    name: "lwm2m_provisioning_records_total",
    help: "Provisioning records, by what became of them.",
    labels: { outcome: ["applied", "rejected", "deleted", "unreadable"] },
  },
  desiredValues: {
    type: "counter",
    name: "lwm2m_desired_values_total",
    help: "Records of the attribute update topic, by what became of them.",
    labels: { outcome: ["stored", "withdrawn", "older", "full", "undeclared", "invalid", "failed"] },
  },
  rebuilds: {
    type: "counter",
    name: "lwm2m_provisioning_rebuilds_total",
    help: "Times that the read model was rebuilt from the beginning of the topic.",
  },
  restoring: {
    type: "gauge",
    name: "lwm2m_restoring",
    help: "1 while this router gives a Redis that was emptied or rolled back what Kafka knows; requests may wait meanwhile.",
  },
  restored: {
    type: "counter",
    name: "lwm2m_restored_total",
    help: "What a lost Redis was given back; known: it was there already, ended: it came to its end instead, damaged: its record is of no use.",
    labels: { what: ["device", "request", "value"], outcome: ["restored", "known", "ended", "damaged"] },
  },
  restoreSeconds: {
    type: "histogram",
    name: "lwm2m_restore_seconds",
    help: "How long it took this router to restore a lost Redis.",
    buckets: [1, 2, 5, 10, 30, 60, 300, 1800],
  },
} as const;

/** The registered metrics. */
export type RpcRouterMetrics = Registered<typeof RPC_ROUTER_METRICS>;
