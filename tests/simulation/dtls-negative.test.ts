import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DtlsLockstep } from "@ferry/testing";
import { describe, expect, it } from "@jest/globals";
import { NEGATIVE_ROWS } from "./dtls-negative-rows.ts";

const PAGE = join(import.meta.dirname, "../../docs/security.md");

describe("what a DTLS server does with what it should not get", () => {
  it.each(NEGATIVE_ROWS)("$attack: $happens", ({ play, told, answered = [] }) => {
    const talk = new DtlsLockstep();
    const bystander = talk.peer({ address: "203.0.113.1:1", cid: Uint8Array.of(9) }).associates();
    talk.told();
    const attacked = play(talk);
    expect(attacked.talk.told()).toEqual(told);
    expect(attacked.device.reads()).toEqual(answered);
    if (attacked.serves !== undefined) {
      const { id, address } = attacked.serves;
      attacked.talk.does({ type: "datagram", address, bytes: attacked.device.data("still here") });
      expect(attacked.talk.hears("received").association).toMatchObject({ id, address });
    }
    bystander.sends(bystander.data("unharmed"));
    expect(talk.told()).toContain("received unharmed");
  });

  it("is told in docs/security.md", () => {
    const page = readFileSync(PAGE, "utf8");
    for (const { attack, happens } of NEGATIVE_ROWS) expect(page).toContain(`| ${attack} | ${happens} |`);
  });
});
