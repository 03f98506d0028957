export { type BusHarness, type ContractBusOptions, describeBusContract } from "./bus-contract.ts";
