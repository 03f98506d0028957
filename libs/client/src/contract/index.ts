export { type ClientHarness, describeFerryClient } from "./ferry-client-contract.ts";
export { Responder, TOPIC_PREFIX } from "./responder.ts";
