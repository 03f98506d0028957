import assert from "node:assert/strict";
import { sign } from "node:crypto";
import {
  type Address,
  ALERT,
  type AssociationId,
  CONTENT_TYPE,
  encodeEcdheClientKeyExchange,
  encodeHandshakeFragment,
  encodePskClientKeyExchange,
  HANDSHAKE_TYPE,
  Transcript,
} from "@ferry/dtls";
import { DTLS_KEYS, DtlsLockstep, type DtlsLockstepOptions, type DtlsLockstepPeer } from "@ferry/testing";

/** What an attack on a device, or by one, came to. */
export interface Outcome {
  /** Events of the server, in order. */
  readonly told: readonly string[];
  /** What its address got, in order. */
  readonly answered?: readonly string[];
}

/** Sends something that it should not, to a server that may have an association with it. */
export interface NegativeRow extends Outcome {
  readonly attack: string;
  /** As docs/security.md says it. */
  readonly happens: string;
  /** Gives the conversation and the side of the attacked device, associated unless the attack is a handshake. */
  readonly play: (talk: DtlsLockstep) => Attacked;
}

export interface Attacked {
  readonly talk: DtlsLockstep;
  readonly device: DtlsLockstepPeer;
  /** The association that is still served behind it, at this address; undefined: there is none. */
  readonly serves?: { readonly id: AssociationId; readonly address: Address };
}

const CID = Uint8Array.of(1, 2, 3);
const ELSEWHERE = "198.51.100.9:9";
const ECDHE = { suite: 0xc0ae, certificate: "rawPublicKey" } as const;
const CBC = { suite: 0x00ae } as const;
const TLS_RSA_WITH_AES_128_CBC_SHA256 = 0x003c;
const FATAL = 2;

const fatal = (description: number): string => `alert ${FATAL} ${description}`;

/** A device with an association, and nothing left over from its handshake. */
function associated(talk: DtlsLockstep, options: Parameters<DtlsLockstep["peer"]>[0] = {}): Required<Attacked> {
  const device = talk.peer(options).associates();
  const { id } = talk.hears("established").association;
  talk.told();
  talk.takeSent(device.address);
  return { talk, device, serves: { id, address: device.address } };
}

/** Records of the device arrive from somewhere else. */
function from(talk: DtlsLockstep, address: Address, ...records: readonly Uint8Array[]): void {
  talk.does({ type: "datagram", address, bytes: Buffer.concat(records) });
}

/** With one bit that is another, in its last byte or in this one. */
function flipped(bytes: Uint8Array, at: number = bytes.length - 1): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte));
}

/** A second node that shares the store of the first, and a device with an association at the first. */
function secondNode(talk: DtlsLockstep, holds: DtlsLockstepOptions["holds"] = []): Required<Attacked> {
  const { device, serves } = associated(talk, { cid: CID });
  return { talk: new DtlsLockstep({ answers: talk.answers, server: { slot: 2 }, seed: 2, holds }), device, serves };
}

/** A hello, and then this. */
function handshake(
  talk: DtlsLockstep,
  options: Parameters<DtlsLockstep["peer"]>[0],
  ...steps: readonly ((device: DtlsLockstepPeer) => Uint8Array)[]
): Attacked {
  const device = talk.peer(options).greets();
  talk.told();
  for (const step of steps) device.sends(step(device));
  return { talk, device };
}

const point = (bytes: Uint8Array) => (device: DtlsLockstepPeer) =>
  device.keyExchange(encodeEcdheClientKeyExchange(bytes));
const certificate = (device: DtlsLockstepPeer): Uint8Array => device.certificate();

export const NEGATIVE_ROWS: readonly NegativeRow[] = [
  {
    attack: "Replay: a record again, also from another address",
    happens: "dropped, nothing moves",
    told: ["received once", "dropped replay", "dropped replay"],
    play: (talk) => {
      const attacked = associated(talk, { cid: CID });
      const record = attacked.device.data("once");
      attacked.device.sends(record).sends(record);
      from(talk, ELSEWHERE, record);
      return attacked;
    },
  },
  {
    attack: "Reorder: an older record behind a newer one; one that is 64 or more behind",
    happens: "taken once; dropped",
    told: ["received late", "received early", "received far", "dropped replay"],
    play: (talk) => {
      const attacked = associated(talk);
      const { device } = attacked;
      const [early, old] = [device.data("early"), device.data("old")];
      device.sends(device.data("late")).sends(early);
      device.nextRecord[1] = 80;
      device.sends(device.data("far")).sends(old);
      return attacked;
    },
  },
  {
    attack: "Truncated: a record cut anywhere",
    happens: "dropped",
    told: Array.from({ length: 34 }, () => "dropped malformed"),
    play: (talk) => {
      const attacked = associated(talk);
      const record = attacked.device.data("cut off");
      for (let length = 1; length < 35; length++) attacked.device.sends(record.subarray(0, length));
      return attacked;
    },
  },
  {
    attack: "Truncated, with a length that fits",
    happens: "dropped",
    told: ["dropped badMac"],
    play: (talk) => {
      const attacked = associated(talk);
      const cut = Uint8Array.from(attacked.device.data("cut off")).subarray(0, -1);
      cut[12] = (cut[12] ?? 0) - 1;
      attacked.device.sends(cut);
      return attacked;
    },
  },
  {
    attack: "Overlapping fragments that differ where they overlap",
    happens: "the first bytes stay, the handshake ends well",
    told: ["established"],
    answered: ["CCS", "20"],
    play: (talk) => {
      const { device } = handshake(talk, {});
      const body = encodePskClientKeyExchange(Buffer.from("device"));
      const sequence = device.nextMessage;
      const part = (bytes: Uint8Array, offset: number, length: number): Uint8Array =>
        device.record(
          CONTENT_TYPE.HANDSHAKE,
          encodeHandshakeFragment({ type: HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE, sequence, body: bytes }, offset, length),
        );
      const first = part(body, 0, 5);
      const second = part(
        body.map((byte, index) => (index < 5 ? byte ^ 1 : byte)),
        3,
        99,
      );
      device.keyExchange();
      device.sends(first).sends(second).sends(device.changeCipherSpec(), device.finished());
      return { talk, device };
    },
  },
  {
    attack: "A fragment with another length, or of a message beyond 8 KiB",
    happens: "dropped, the handshake ends well",
    told: ["dropped badFragment", "dropped badFragment", "established"],
    answered: ["CCS", "20"],
    play: (talk) => {
      const { device } = handshake(talk, {});
      const sequence = device.nextMessage;
      const part = (length: number): Uint8Array =>
        device.record(
          CONTENT_TYPE.HANDSHAKE,
          encodeHandshakeFragment(
            {
              type: HANDSHAKE_TYPE.CLIENT_KEY_EXCHANGE,
              sequence,
              body: encodePskClientKeyExchange(new Uint8Array(length)),
            },
            0,
            0,
          ),
        );
      device.sends(part("device".length)).sends(part(200)).sends(part(9000));
      device.sends(device.keyExchange(), device.changeCipherSpec(), device.finished());
      return { talk, device };
    },
  },
  {
    attack: "Wrong MAC: any byte of a record is another",
    happens: "dropped and counted for the association, which serves on; the record behind it is taken",
    told: ["dropped badMac", "received good"],
    play: (talk) => {
      const attacked = associated(talk);
      const { device } = attacked;
      device.sends(flipped(device.data("bad")), device.data("good"));
      return attacked;
    },
  },
  {
    attack: "Bad padding (CBC): of the last block, and of the MAC",
    happens: "dropped, the same for both",
    told: ["dropped badMac", "dropped badMac"],
    play: (talk) => {
      const attacked = associated(talk, CBC);
      const { device } = attacked;
      device.sends(flipped(device.data("padding")));
      device.sends(flipped(device.data("a MAC that is wrong"), 40));
      return attacked;
    },
  },
  {
    attack: "Wrong epoch: 2, and 0 for application data",
    happens: "dropped",
    told: ["dropped unknownEpoch", "dropped noHandshake"],
    play: (talk) => {
      const attacked = associated(talk);
      const { device } = attacked;
      device.sends(device.data("two", { epoch: 2 })).sends(device.data("zero", { epoch: 0 }));
      return attacked;
    },
  },
  {
    attack: "An alert, ChangeCipherSpec or Finished in the clear, to an association",
    happens: "dropped",
    told: ["dropped plaintextAlert", "dropped noHandshake", "dropped noHandshake"],
    play: (talk) => {
      const attacked = associated(talk);
      const { device } = attacked;
      device.sends(device.alert(FATAL, ALERT.HANDSHAKE_FAILURE, { epoch: 0 }));
      device.sends(device.changeCipherSpec()).sends(device.finished({ epoch: 0 }));
      return attacked;
    },
  },
  {
    attack: "Invalid curve point: not on P-256",
    happens: "illegal_parameter, the handshake is over",
    told: ["handshakeFailed malformed"],
    answered: [fatal(ALERT.ILLEGAL_PARAMETER)],
    play: (talk) =>
      handshake(talk, ECDHE, certificate, point(Uint8Array.from({ length: 65 }, (_, n) => (n === 0 ? 4 : n)))),
  },
  {
    attack: "Small-order key: P-256 has none but the point at infinity and the like (all zeros)",
    happens: "illegal_parameter, the handshake is over",
    told: ["handshakeFailed malformed"],
    answered: [fatal(ALERT.ILLEGAL_PARAMETER)],
    play: (talk) =>
      handshake(talk, ECDHE, certificate, point(Uint8Array.from({ length: 65 }, (_, n) => (n === 0 ? 4 : 0)))),
  },
  {
    attack: "A compressed point, or infinity in one byte",
    happens: "illegal_parameter, the handshake is over",
    told: ["handshakeFailed malformed"],
    answered: [fatal(ALERT.ILLEGAL_PARAMETER)],
    play: (talk) => handshake(talk, ECDHE, certificate, point(Uint8Array.of(0))),
  },
  {
    attack: "Huge identity: a PSK identity of 257 bytes",
    happens: "decode_error, the handshake is over; nothing is looked up",
    told: ["handshakeFailed malformed"],
    answered: [fatal(ALERT.DECODE_ERROR)],
    play: (talk) => {
      talk.holds.add("psk");
      const attacked = handshake(talk, {}, (device) =>
        device.keyExchange(encodePskClientKeyExchange(new Uint8Array(257))),
      );
      assert.equal(talk.askedCount("psk"), 0);
      return attacked;
    },
  },
  {
    attack: "An identity that nobody has, and a wrong key",
    happens: "silence for both, and the same time",
    told: ["dropped badMac", "handshakeFailed unknownIdentity", "dropped badMac", "handshakeFailed wrongKey"],
    play: (talk) => {
      for (const options of [{ identity: "nobody" }, { key: new Uint8Array(16) }]) {
        const device = talk.peer(options).greets();
        device.sends(device.keyExchange(), device.changeCipherSpec(), device.finished());
        talk.advance(20_000);
        assert.equal(talk.server.usage.handshakes, 0);
        talk.takeSent(device.address);
      }
      return { talk, device: talk.peer({ address: ELSEWHERE }) };
    },
  },
  {
    attack: "CertificateVerify by another key than the certificate's",
    happens: "decrypt_error, the handshake is over; nobody is asked whose it is",
    told: ["handshakeFailed wrongKey"],
    answered: [fatal(ALERT.DECRYPT_ERROR)],
    play: (talk) => {
      talk.holds.add("rawPublicKey");
      const attacked = handshake(
        talk,
        ECDHE,
        certificate,
        (device) => device.keyExchange(),
        (device) => device.certificateVerify(sign("sha256", device.transcript.bytes(), DTLS_KEYS.server)),
      );
      assert.equal(talk.askedCount("rawPublicKey"), 0);
      return attacked;
    },
  },
  {
    attack: "No certificate where one is asked for",
    happens: "handshake_failure, the handshake is over",
    told: ["handshakeFailed clientCertificateRequired"],
    answered: [fatal(ALERT.HANDSHAKE_FAILURE)],
    play: (talk) => handshake(talk, { ...ECDHE, certificate: "x509" }, (device) => device.certificate([])),
  },
  {
    attack: "Renegotiation: a ClientHello within the association",
    happens: "no_renegotiation as a warning, at most every 10 s; it serves on",
    told: [],
    answered: [`alert 1 ${ALERT.NO_RENEGOTIATION}`],
    play: (talk) => {
      const attacked = associated(talk);
      const { device } = attacked;
      for (let n = 0; n < 2; n++)
        device.sends(device.message(HANDSHAKE_TYPE.CLIENT_HELLO, new Uint8Array(40), { epoch: 1 }));
      return attacked;
    },
  },
  {
    attack: "Downgrade: a hello for DTLS 1.0 only",
    happens: "protocol_version, the handshake is over",
    told: ["handshakeFailed noCommonParameters"],
    answered: [fatal(ALERT.PROTOCOL_VERSION)],
    play: (talk) => greeted(talk, (device) => device.hello({ version: 0xfeff })),
  },
  {
    attack: "Downgrade: a hello with suites only that we do not have, such as RSA key exchange",
    happens: "handshake_failure, the handshake is over",
    told: ["handshakeFailed noCommonSuite"],
    answered: [fatal(ALERT.HANDSHAKE_FAILURE)],
    play: (talk) => greeted(talk, (device) => device.hello({ cipherSuites: [TLS_RSA_WITH_AES_128_CBC_SHA256] })),
  },
  {
    attack: "Downgrade: the hello was changed on its way",
    happens: "Finished does not verify: decrypt_error, the handshake is over",
    told: ["handshakeFailed wrongKey"],
    answered: [fatal(ALERT.DECRYPT_ERROR)],
    play: (talk) => {
      const { device } = handshake(talk, { extensions: { extendedMasterSecret: false } });
      device.keyExchange();
      device.transcript = new Transcript({ keepsBytes: false });
      device.nextMessage--;
      device.sends(device.keyExchange(), device.changeCipherSpec(), device.finished());
      return { talk, device };
    },
  },
  {
    attack: "Forged CID: of our form, of another version, and another device's",
    happens: "dropped: after a look-up, without one, and as a wrong MAC",
    told: ["dropped unknownAssociation", "dropped unknownAssociation", "dropped badMac"],
    play: (talk) => {
      const attacked = associated(talk, { cid: CID });
      const { device } = attacked;
      const other = talk.peer({ cid: CID, address: "192.0.2.7:7" }).associates();
      talk.told();
      const own = device.granted.connectionId ?? CID;
      const unknown = flipped(own);
      device.sends(device.data("unknown", { cid: unknown }));
      talk.holds.add("find");
      device.sends(device.data("version", { cid: own.map((byte, at) => (at === 0 ? byte ^ 0xf0 : byte)) }));
      assert.equal(talk.askedCount("find"), 0);
      talk.holds.delete("find");
      device.sends(device.data("other", { cid: other.granted.connectionId }));
      return attacked;
    },
  },
  {
    attack: "Address spoof: a hello with a cookie from another address than it was made for",
    happens: "a HelloVerifyRequest, no larger than it; nothing is kept",
    told: [],
    play: (talk) => {
      const device = talk.peer().asksForCookie();
      const hello = device.hello();
      from(talk, ELSEWHERE, hello);
      const sent = Buffer.concat(talk.takeSent(ELSEWHERE));
      assert.equal(sent[13], HANDSHAKE_TYPE.HELLO_VERIFY_REQUEST);
      assert(sent.length <= hello.length);
      assert.equal(talk.server.usage.handshakes, 0);
      return { talk, device };
    },
  },
  {
    attack: "Address spoof: a hello with a right cookie from the address of an association, and no more",
    happens: "a handshake that times out; the association serves on",
    told: ["handshakeFailed timeout"],
    answered: [],
    play: (talk) => {
      const attacked = associated(talk);
      const other = talk.peer();
      other.greets();
      talk.advance(75_000);
      talk.takeSent(other.address);
      return attacked;
    },
  },
  {
    attack: "Address spoof: a forged record with a device's CID",
    happens: "dropped, nothing moves",
    told: ["dropped badMac"],
    play: (talk) => {
      const attacked = associated(talk, { cid: CID });
      from(talk, ELSEWHERE, flipped(attacked.device.data("forged")));
      return attacked;
    },
  },
  {
    attack: "Address spoof: a captured record comes from another address before it comes from its own",
    happens:
      "it moves the address, but no more than 3 times its bytes go there until a second datagram; the next record from home takes it back",
    told: ["moved", "received caught", "dropped amplification", "dropped replay", "moved", "received home"],
    answered: [],
    play: (talk) => {
      const attacked = associated(talk, { cid: CID });
      const { device, serves } = attacked;
      const caught = device.data("caught");
      from(talk, ELSEWHERE, caught);
      talk.does({ type: "send", association: serves.id, bytes: new Uint8Array(200) });
      assert.equal(talk.takeSent(ELSEWHERE).length, 0);
      device.sends(caught).sends(device.data("home"));
      return attacked;
    },
  },
  {
    attack: "A captured record, replayed to a second node while the owner lives",
    happens: "the owner is asked, has received it or a newer one, and keeps the association: dropped",
    told: ["dropped replay"],
    play: (talk) => {
      const { talk: second, device, serves } = secondNode(talk, ["claim"]);
      const caught = device.data("caught");
      device.sends(caught);
      from(second, ELSEWHERE, caught);
      const mark = talk.server.snapshot(serves.id)?.association.mark;
      assert(mark !== undefined && (second.asked("claim").sequence ?? 0) <= mark.newest);
      second.answer("claim", { type: "kept", mark });
      return { talk: second, device };
    },
  },
  {
    attack: "A captured record, replayed to a second node when the owner is dead, newer than the stored mark",
    happens:
      "taken once more, for nobody knows better; its address is provisional: 3 times its bytes, no waiting request; the next record from home takes it back",
    told: ["takenOver", "received caught", "dropped amplification", "moved", "received home"],
    answered: [],
    play: (talk) => {
      const { talk: second, device, serves } = secondNode(talk);
      const caught = device.data("caught");
      device.sends(caught);
      from(second, ELSEWHERE, caught);
      second.does({ type: "send", association: serves.id, bytes: new Uint8Array(200) });
      assert.equal(second.takeSent(ELSEWHERE).length, 0);
      from(second, device.address, device.data("home"));
      return { talk: second, device, serves };
    },
  },
  {
    attack: "Two captured records, replayed to a second node when the owner is dead, newer than the stored mark",
    happens:
      "taken once more, and the second confirms the address: what waits for the device is sent there, unread, until its next record from home takes it back",
    told: ["takenOver", "received one", "confirmed", "received two", "moved", "received home"],
    answered: [],
    play: (talk) => {
      const { talk: second, device, serves } = secondNode(talk);
      const caught = [device.data("one"), device.data("two")];
      device.sends(...caught);
      for (const bytes of caught) from(second, ELSEWHERE, bytes);
      from(second, device.address, device.data("home"));
      return { talk: second, device, serves };
    },
  },
  {
    attack: "The same, not newer than the stored mark",
    happens: "dropped, and the association is not claimed",
    told: ["dropped replay"],
    play: (talk) => {
      const { talk: second, device } = secondNode(talk, ["claim"]);
      from(second, ELSEWHERE, device.data("old", { sequence: 0 }));
      assert.equal(second.askedCount("claim"), 0);
      return { talk: second, device };
    },
  },
];

/** A hello with a cookie that differs from the one before: a cookie covers what it says. */
function greeted(talk: DtlsLockstep, hello: (device: DtlsLockstepPeer) => Uint8Array): Attacked {
  const device = talk.peer();
  device.sends(hello(device));
  const [request] = device.receives();
  assert(request?.content !== undefined);
  device.cookie = request.content.subarray(12 + 3);
  device.sends(hello(device));
  return { talk, device };
}
