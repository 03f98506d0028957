import { STREAMS } from "@ferry/client";
import { METHODS } from "@ferry/rpc";

const text = { type: "string" } as const;
const reference = {
  kind: { enum: ["model", "profile", "device", "credential"], description: "Kind of the record." },
  tenant: { type: "string", minLength: 1, description: "Tenant of the record; `system` for models of every tenant." },
  id: {
    type: "string",
    minLength: 1,
    description: "3_1.2 for a model, the name of a profile, the endpoint or pattern of a device.",
  },
} as const;
const documents = {
  type: "object",
  required: ["documents"],
  additionalProperties: false,
  properties: {
    documents: {
      type: "array",
      items: {
        type: "object",
        required: ["kind", "tenant", "id", "body"],
        additionalProperties: false,
        properties: {
          ...reference,
          kind: { enum: ["model", "profile", "device"], description: "Credentials are written by Ferry itself." },
          body: {
            type: "object",
            description: "The member of lwm2m.v1.ProvisioningRecord that the kind names, in protobuf's JSON form.",
          },
        },
      },
    },
  },
} as const;
const ndjson = "One JSON value a line.";
const oneDevice = {
  params: {
    type: "object",
    required: ["endpoint"],
    properties: { endpoint: { type: "string", minLength: 1, description: "LwM2M Endpoint Client Name." } },
  },
  querystring: {
    type: "object",
    additionalProperties: false,
    properties: { tenant: { ...text, description: "`default` when absent." } },
  },
} as const;

/** What each route takes: checked, and shown in the OpenAPI document. */
export const SCHEMAS: Readonly<
  Record<
    "devices" | "device" | "bootstrap" | "rpc" | "desire" | "records" | "declared" | "apply" | "diff" | "remove",
    object
  >
> = {
  devices: {
    summary: "Registered devices",
    querystring: {
      type: "object",
      additionalProperties: false,
      properties: { tenant: { ...text, description: "Only those of this tenant." } },
    },
  },
  device: {
    summary:
      "One registered device: its registration, its observations, and the DTLS association by which it was last heard",
    description: "As its node told of it last. Answers 404 when it is not registered.",
    ...oneDevice,
  },
  bootstrap: {
    summary: "The last bootstrap of a device: its steps, how it ended, and the servers that the device got",
    description: "Also of a device that is not registered. Answers 404 when none is known.",
    ...oneDevice,
  },
  rpc: {
    summary: "Carries out an operation on a device and waits for its final answer",
    description: "Answers 200 with the final answer, whatever its status; 504 when no rpc-router answers.",
    body: {
      type: "object",
      required: ["endpoint", "method"],
      additionalProperties: false,
      properties: {
        endpoint: { type: "string", minLength: 1, description: "LwM2M Endpoint Client Name." },
        tenant: text,
        method: {
          type: "string",
          minLength: 1,
          description: `One of ${METHODS.map(({ name }) => name).join(", ")}.`,
        },
        params: {
          anyOf: [{ type: "object" }, text],
          description: "Parameters of the method, as an object or as JSON text.",
        },
        timeoutMs: {
          type: "integer",
          minimum: 1,
          maximum: 240_000,
          default: 10_000,
          description: "How long the answer may take, ms; the connection is held open so long.",
        },
        failFast: { type: "boolean", description: "Answer UNREACHABLE at once instead of waiting for the device." },
        oneWay: { type: "boolean", description: "Answer when the request has been sent, without its outcome." },
        persistent: { type: "boolean", description: "Wait also for a device that is not registered." },
        retries: {
          type: "integer",
          minimum: 0,
          description: "How often a request that timed out is tried again when the device is heard; at most 5.",
        },
      },
    },
  },
  desire: {
    summary: "Says what a resource of a device is to be",
    description:
      "Answers 202 when that is on the bus. The device gets it when it can be reached; a refusal is a lifecycle record WRITE_FAILED.",
    body: {
      type: "object",
      required: ["endpoint", "key", "value"],
      additionalProperties: false,
      properties: {
        endpoint: { type: "string", minLength: 1, description: "LwM2M Endpoint Client Name." },
        tenant: text,
        key: { type: "string", minLength: 1, description: "Key name that the device's profile gives the resource." },
        value: {
          // No types: Fastify would make text of numbers, and null of empty text.
          description:
            "A scalar (64-bit numbers as text), or an object by Resource Instance id; null withdraws what was desired.",
        },
      },
    },
  },
  records: {
    summary: "Follows the records of a topic",
    description: ndjson,
    params: { type: "object", required: ["stream"], properties: { stream: { enum: STREAMS } } },
    querystring: {
      type: "object",
      additionalProperties: false,
      properties: {
        from: { enum: ["earliest", "latest"], default: "latest" },
        tenant: text,
        endpoint: { ...text, description: "Only those of this device." },
      },
    },
  },
  declared: {
    summary: "What is declared, as YAML with secrets masked",
    querystring: { type: "object", additionalProperties: false, properties: { kind: reference.kind } },
  },
  apply: {
    summary: "Declares models, profiles and devices, and waits until each is applied, unchanged or rejected",
    description: `${ndjson} Models and profiles that are declared as they are already are not published again.`,
    body: documents,
  },
  diff: { summary: "How what is declared would change", body: documents },
  remove: {
    summary: "Deletes what is declared; a device's registration ends with it",
    description: ndjson,
    body: {
      type: "object",
      required: ["records"],
      additionalProperties: false,
      properties: {
        records: {
          type: "array",
          items: {
            type: "object",
            required: ["kind", "tenant", "id"],
            additionalProperties: false,
            properties: reference,
          },
        },
      },
    },
  },
};
