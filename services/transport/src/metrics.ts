import { DROP_REASONS } from "@ferry/coap";
import type { Registered } from "@ferry/runtime";

/** What a transport node counts. */
export const TRANSPORT_METRICS = {
  registrations: {
    type: "counter",
    name: "lwm2m_registrations_total",
    help: "Register requests that were answered, by outcome.",
    labels: { outcome: ["registered", "repeated", "refused"] },
  },
  updates: { type: "counter", name: "lwm2m_registration_updates_total", help: "Update requests that were accepted." },
  deregistrations: {
    type: "counter",
    name: "lwm2m_deregistrations_total",
    help: "Deregister requests that were accepted.",
  },
  expirations: {
    type: "counter",
    name: "lwm2m_expirations_total",
    help: "Registrations that this node ended because their lifetime had lapsed.",
  },
  refusedRequests: {
    type: "counter",
    name: "lwm2m_refused_requests_total",
    help: "Requests of devices that were not well-formed LwM2M.",
  },
  unavailableAnswers: {
    type: "counter",
    name: "lwm2m_unavailable_answers_total",
    help: "Requests answered 5.03 because Redis was away.",
  },
  leftUnanswered: {
    type: "counter",
    name: "lwm2m_unanswered_requests_total",
    help: "Updates and Deregisters left unanswered because an emptied or rolled-back Redis, not restored yet, did not know the registration.",
  },
  notifications: {
    type: "counter",
    name: "lwm2m_notifications_total",
    help: "Notifications that were decoded, by message type.",
    labels: { type: ["con", "non"] },
  },
  notificationSeconds: {
    type: "histogram",
    name: "lwm2m_notification_ack_seconds",
    help: "From the arrival of a notification to its acknowledgement, Kafka's included.",
    buckets: [0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.25, 1, 2, 10, 45],
  },
  undecodable: {
    type: "counter",
    name: "lwm2m_undecodable_total",
    help: "Answers, notifications and Sends whose payload, or a part of it, could not be decoded.",
  },
  unacknowledged: {
    type: "counter",
    name: "lwm2m_unacknowledged_total",
    help: "Notifications and Sends that were left without an answer or dropped, by reason.",
    labels: { reason: ["pressure", "bus", "limit", "rest"] },
  },
  sends: {
    type: "counter",
    name: "lwm2m_sends_total",
    help: "Send requests that were answered, by outcome.",
    labels: { outcome: ["accepted", "refused"] },
  },
  limited: {
    type: "counter",
    name: "lwm2m_rate_limited_total",
    help: "Uplinks that a rate limit held back, by whose it is; of `lookup`, datagrams of unknown sources that were dropped.",
    labels: { limit: ["device", "tenant", "lookup"] },
  },
  logLinesLeftOut: {
    type: "counter",
    name: "lwm2m_transport_log_left_out_total",
    help: "Lines of communication logs that were left out, because a device had too many or Kafka did not keep up.",
  },
  claims: {
    type: "counter",
    name: "lwm2m_claims_total",
    help: "Claims of devices by this node, by outcome: taken over, confirmed, or nobody's.",
    labels: { outcome: ["claimed", "owned", "notFound"] },
  },
  operations: {
    type: "counter",
    name: "lwm2m_operations_total",
    help: "Operations on devices, by operation and how they ended.",
    labels: {
      operation: [
        "read",
        "discover",
        "write",
        "writeAttributes",
        "execute",
        "create",
        "delete",
        "observe",
        "cancelObservation",
        "readComposite",
        "writeComposite",
        "observeComposite",
        "cancelCompositeObservation",
      ],
      outcome: ["success", "refused", "invalid", "timeout", "reset", "cancelled", "blockwise", "overload", "unsent"],
    },
  },
  rpc: {
    type: "counter",
    name: "lwm2m_rpc_total",
    help: "RPC requests that this node finished, by final status.",
    labels: {
      status: [
        "SUCCESSFUL",
        "FAILED",
        "REJECTED",
        "NOT_REGISTERED",
        "UNREACHABLE",
        "TIMEOUT",
        "EXPIRED",
        "INDETERMINATE",
        "CANCELLED",
      ],
    },
  },
  writtenBack: {
    type: "counter",
    name: "lwm2m_devices_written_back_total",
    help: "Devices that were written back to a Redis that had been emptied or rolled back; `known` had come back before.",
    labels: { outcome: ["restored", "known"] },
  },
  desiredWrites: {
    type: "counter",
    name: "lwm2m_desired_writes_total",
    help: "Writes of desired values, by how they ended; `later` is tried again when the device is heard, or after a while.",
    labels: { outcome: ["written", "refused", "later"] },
  },
  rpcWaiting: {
    type: "gauge",
    name: "lwm2m_rpc_waiting",
    help: "RPC requests that this node knows to wait for their devices to be heard.",
  },
  rpcAnswersHeld: {
    type: "gauge",
    name: "lwm2m_rpc_answers_held",
    help: "Final answers that are held until Redis is back, and restored: at most 10,000, and 64 MiB.",
  },
  rpcRetries: {
    type: "counter",
    name: "lwm2m_rpc_retries_total",
    help: "Times that an RPC request was left to be tried again because the device did not answer in time.",
  },
  dtlsReleased: {
    type: "counter",
    name: "lwm2m_dtls_released_total",
    help: "DTLS associations that another node took over from this one.",
  },
  asleep: { type: "gauge", name: "lwm2m_devices_asleep", help: "Owned devices that sleep." },
  forwardedResponses: {
    type: "counter",
    name: "lwm2m_forwarded_responses_total",
    help: "Responses that reached this node and were handed to the one that waits for them.",
  },
  ignoredCommands: {
    type: "counter",
    name: "lwm2m_ignored_commands_total",
    help: "Node commands that were not for this life of the node, or too late.",
  },
  drops: {
    type: "counter",
    name: "lwm2m_coap_drops_total",
    help: "Datagrams and bodies that CoAP dropped, by reason.",
    labels: {
      reason: DROP_REASONS as typeof DROP_REASONS, // What isolatedDeclarations cannot infer must be said.
    },
  },
  devices: { type: "gauge", name: "lwm2m_owned_devices", help: "Devices that this node owns." },
  observations: {
    type: "gauge",
    name: "lwm2m_owned_observations",
    help: "Observations of the devices that this node owns.",
  },
  strayValues: {
    type: "counter",
    name: "lwm2m_stray_values_total",
    help: "Values in notifications of an Observe-Composite that it did not ask for; they are left out.",
  },
  putOff: {
    type: "counter",
    name: "lwm2m_put_off_total",
    help: "Observations, Reads and Writes of a profile, and desired values, that failed and are tried again later.",
  },
  refusedByDevice: {
    type: "gauge",
    name: "lwm2m_refused_by_device",
    help: "Observations, Reads and Writes of profiles that owned devices refused: not asked for again until registration, profile or objects change.",
  },
  reconcileWaiting: {
    type: "gauge",
    name: "lwm2m_reconcile_waiting_devices",
    help: "Devices that wait for their turn to be asked anew.",
  },
  fallbacks: {
    type: "counter",
    name: "lwm2m_fallbacks_total",
    help: "Kinds of devices that are served by something else than they registered or their profile asks for: nothing because the stored list of objects cannot be read, the model of another version or none, single observations in place of composite ones, Mute Send not written because the account is not known.",
    labels: { kind: ["links", "model", "composite", "mute"] },
  },
  drift: {
    type: "gauge",
    name: "lwm2m_observation_drift",
    help: "Observations of owned devices that the profile wants and the device is not known to hold.",
  },
  bufferedBytes: { type: "gauge", name: "lwm2m_bus_buffer_bytes", help: "Records that Kafka has not accepted yet." },
  oldestRecordSeconds: {
    type: "gauge",
    name: "lwm2m_bus_oldest_record_seconds",
    help: "Age of the oldest record that Kafka has not accepted yet.",
  },
  socketDrops: {
    type: "gauge",
    name: "lwm2m_socket_drops",
    help: "Datagrams that the kernel dropped because the CoAP listener's receive buffer was full.",
  },
  dtlsSocketDrops: {
    type: "gauge",
    name: "lwm2m_dtls_socket_drops",
    help: "Datagrams that the kernel dropped because the DTLS listener's receive buffer was full.",
  },
  slot: { type: "gauge", name: "lwm2m_node_slot", help: "Slot of this node, 0 to 63." },
} as const;

/** The registered metrics. */
export type TransportMetrics = Registered<typeof TRANSPORT_METRICS>;
