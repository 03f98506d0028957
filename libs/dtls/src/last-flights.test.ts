import { DeadlineQueue } from "@ferry/coap";
import { expect, it } from "@jest/globals";
import { LiveAssociation } from "./association.ts";
import { Flight } from "./flight.ts";
import { type LastFlight, LastFlights } from "./last-flights.ts";
import { NOTHING_RECEIVED } from "./replay-window.ts";

const ASSOCIATION: LiveAssociation = new LiveAssociation(
  {
    id: "a",
    principal: "device",
    suite: 0xc0a8,
    encryptThenMac: false,
    extendedMasterSecret: true,
    maxPlaintextBytes: 1024,
    ownCid: undefined,
    peerCid: undefined,
    address: "192.0.2.1:1",
    createdAtMs: 0,
    mark: NOTHING_RECEIVED,
  },
  0,
);

it("a last flight, of which there may be thousands for minutes, does not hold the hello that it ended", () => {
  const flights = new LastFlights({ lastFlightMs: 1, maxLastFlights: 1 }, new DeadlineQueue<LastFlight>());
  const clientRandom = new Uint8Array(16_384).fill(7).subarray(2, 34);
  flights.add({ association: ASSOCIATION, flight: new Flight(), nextRecord: 0, clientRandom }, 0);
  const kept = flights.get(ASSOCIATION)?.clientRandom;
  expect(kept).toEqual(new Uint8Array(32).fill(7));
  expect(kept?.buffer.byteLength).toBe(32);
});
