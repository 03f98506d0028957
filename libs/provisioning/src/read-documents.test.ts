import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DTLS_KEYS } from "@ferry/testing";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import type { ProvisioningDocument } from "./document.ts";
import { InvalidDocumentsError } from "./errors.ts";
import { formatDocument } from "./format-document.ts";
import { readDocuments, readValidDocuments } from "./read-documents.ts";
import { parseSealingKeys, unsealSecret } from "./sealing.ts";

const QUICKSTART = join(import.meta.dirname, "../../../examples/quickstart");
const PROFILE = "kind: profile\nname: meter\nresources:\n  /3/0/9: { key: battery, telemetry: true }\n";
const MODEL = `<LWM2M><Object ObjectType="MODefinition"><Name>Pump</Name><Description1>A pump.</Description1><ObjectID>26241</ObjectID>
<ObjectURN>urn:oma:lwm2m:x:26241</ObjectURN><LWM2MVersion>1.0</LWM2MVersion><ObjectVersion>1.0</ObjectVersion>
<MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Resources><Item ID="0"><Name>Flow</Name><Operations>R</Operations>
<MultipleInstances>Single</MultipleInstances><Mandatory>Mandatory</Mandatory><Type>Float</Type><RangeEnumeration></RangeEnumeration><Units></Units>
<Description>Flow.</Description></Item></Resources><Description2></Description2></Object></LWM2M>`;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ferry-documents-"));
});

afterEach(() => rm(directory, { recursive: true }));

/** Reads one file that holds `text`. */
async function read(text: string, name = "documents.yaml"): Promise<readonly ProvisioningDocument[]> {
  await writeFile(join(directory, name), text);
  return readDocuments([join(directory, name)]);
}

async function problemsOf(text: string, name = "documents.yaml"): Promise<string> {
  const error = await read(text, name).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(InvalidDocumentsError);
  return (error as Error).message.replaceAll(`${directory}/`, "");
}

const device = (credentials: string) => `kind: device\nendpoint: meter-1\nprofile: meter\ncredentials:\n${credentials}`;

describe("reading documents", () => {
  it("reads the quickstart example: a profile, then a device and a fleet", async () => {
    const documents = await readDocuments([QUICKSTART]);
    expect(documents.map(({ kind, tenant, id }) => `${kind}/${tenant}/${id}`)).toEqual([
      "profile/default/quickstart",
      "device/default/demo",
      "device/default/sim-*",
    ]);
    expect(documents[2]?.source).toMatch(/devices\.yaml:10$/);
  });

  it("puts models first, then profiles, then devices, whatever the files are called", async () => {
    await writeFile(join(directory, "a.yaml"), `${device("  - noSec: true")}\n---\n${PROFILE}`);
    await writeFile(join(directory, "b.xml"), MODEL);
    const documents = await readDocuments([directory]);
    expect(documents.map(({ kind, id }) => `${kind} ${id}`)).toEqual([
      "model 26241_1.0",
      "profile meter",
      "device meter-1",
    ]);
  });

  it("takes ThingsBoard's profile JSON as it is", async () => {
    const profile = {
      name: "NB-IoT meter",
      transportType: "LWM2M",
      profileData: {
        transportConfiguration: {
          type: "LWM2M",
          observeAttr: {
            keyName: { "/3_1.2/0/9": "batteryLevel" },
            observe: ["/3_1.2/0/9"],
            attribute: [],
            telemetry: ["/3_1.2/0/9"],
            attributeLwm2m: {},
          },
          bootstrap: [],
          clientLwM2mSettings: {},
        },
      },
    };
    const [document] = await read(JSON.stringify(profile, undefined, 2), "profile.json");
    expect(document).toMatchObject({ kind: "profile", id: "NB-IoT meter" });
  });

  it("reads a key as hex or Base64", async () => {
    const key = Buffer.from("00112233445566778899aabbccddeeff", "hex");
    for (const text of [key.toString("hex"), key.toString("base64")]) {
      const [document] = await read(device(`  - psk: { identity: meter-1-psk, key: "${text}" }`));
      expect(document?.body.device?.credentials?.[0]?.psk?.key?.plain).toEqual(key);
    }
  });

  it("reads how a device sleeps in the form of profiles, and writes it so", async () => {
    const text = `${device("  - noSec: true")}\npower: { mode: psm, activityTimerMs: 20000 }`;
    const [document] = await read(text);
    expect(document?.body.device?.power).toEqual({ mode: "PSM", psmActivityTimerMs: 20_000 });
    expect(formatDocument(document as ProvisioningDocument)).toContain(
      "power:\n  mode: psm\n  activityTimerMs: 20000\n",
    );
  });

  it("reads what a device shows to the bootstrap server and is given, and writes it with its secrets masked", async () => {
    const publicKey = Buffer.from(DTLS_KEYS.devicePublicKey).toString("base64");
    const certificate = Buffer.from(DTLS_KEYS.deviceCertificate).toString("base64");
    const pem = DTLS_KEYS.device.export({ format: "pem", type: "pkcs8" }) as string; // PEM is a text.
    const privateKey = DTLS_KEYS.device.export({ format: "der", type: "pkcs8" });
    const forms: [object, object][] = [
      [{ noSec: true }, { noSec: {} }],
      [{ psk: { identity: "factory", key: "0a".repeat(16) } }, { psk: { identity: "factory" } }],
      [{ rawPublicKey: { publicKey, privateKey: pem } }, { rawPublicKey: { privateKey: { plain: privateKey } } }],
      [
        { x509: { certificate, privateKey: privateKey.toString("base64") } },
        { x509: { privateKey: { plain: privateKey } } },
      ],
    ];
    for (const [form, record] of forms) {
      const bootstrap = { bootstrapServer: form, server: { generate: "psk" } };
      const text = `${device("  - psk: { identity: a, key: 00112233445566778899aabbccddeeff }")}\nbootstrap: ${JSON.stringify(bootstrap)}`;
      const [document] = await read(text);
      expect(document?.body.device?.bootstrap).toMatchObject({ bootstrapServer: record, server: { generatePsk: {} } });
      const written = (parse(formatDocument(document as ProvisioningDocument)) as { bootstrap: unknown }).bootstrap;
      const masked = JSON.parse(
        JSON.stringify(bootstrap, (name, value) => (["key", "privateKey"].includes(name) ? "******" : value)),
      );
      expect(written).toEqual(masked);
    }
  });

  it("seals plain secrets when it has a key", async () => {
    await writeFile(
      join(directory, "d.yaml"),
      device("  - psk: { identity: meter-1-psk, key: 00112233445566778899aabbccddeeff }"),
    );
    const sealingKeys = parseSealingKeys(Buffer.alloc(32, 7).toString("base64"));
    const [document] = await readDocuments([directory], { sealingKeys });
    const key = document?.body.device?.credentials?.[0]?.psk?.key;
    expect(key?.plain).toBeUndefined();
    expect(Buffer.from(unsealSecret(sealingKeys, key?.sealed ?? {}, "default/meter-1")).toString("hex")).toBe(
      "00112233445566778899aabbccddeeff",
    );
  });
});

describe("a problem is told with file, line and field", () => {
  it.each([
    [
      "an unknown member",
      `${device("  - noSec: true")}\nlifetime: 60`,
      "documents.yaml:6: lifetime: is not a member that is known here",
    ],
    [
      "a number where YAML took a key of digits for one",
      device("  - psk: { identity: a, key: 00112233445566778899001122334455 }"),
      "documents.yaml:5: credentials[0].psk.key: is a number: put it in quotes",
    ],
    [
      "a key that is neither hex nor Base64",
      device("  - psk: { identity: a, key: secret }"),
      "documents.yaml:5: credentials[0].psk.key: is neither hex of 32, 64 or 128 characters (pairs of 0-9, a-f) nor Base64",
    ],
    [
      "a key of another length",
      device('  - psk: { identity: a, key: "0011" }'),
      "documents.yaml:5: credentials[0].psk.key: has 2 bytes: 16, 32 or 64 are possible, that is 32, 64 or 128 characters of hex",
    ],
    [
      "a masked key",
      device('  - psk: { identity: a, key: "******" }'),
      "documents.yaml:5: credentials[0].psk.key: is masked (******): put the key in its place",
    ],
    [
      "a private key in another form than PKCS#8",
      `${device("  - noSec: true")}\nbootstrap:\n  bootstrapServer:\n    rawPublicKey:\n      publicKey: ${Buffer.from(DTLS_KEYS.devicePublicKey).toString("base64")}\n      privateKey: |\n        -----BEGIN EC PRIVATE KEY-----\n        MHcC\n        -----END EC PRIVATE KEY-----`,
      "documents.yaml:10: bootstrap.bootstrapServer.rawPublicKey.privateKey: is PEM of a EC PRIVATE KEY: give that of a PRIVATE KEY, as `openssl pkcs8 -topk8 -nocrypt` writes it",
    ],
    [
      "a masked private key",
      `${device("  - noSec: true")}\nbootstrap:\n  bootstrapServer: { rawPublicKey: { publicKey: MAA=, privateKey: "******" } }`,
      "documents.yaml:7: bootstrap.bootstrapServer.rawPublicKey.privateKey: is masked (******): put the key in its place",
    ],
    [
      "a kind of key that is not made",
      `${device("  - noSec: true")}\nbootstrap:\n  server: { generate: rsa }`,
      "documents.yaml:7: bootstrap.server.generate: is psk: the one kind of key that is made",
    ],
    [
      "what would let a device be bootstrapped and then refused",
      `${device("  - psk: { identity: a, key: 00112233445566778899aabbccddeeff }")}\nbootstrap:\n  server: { noSec: true }`,
      "documents.yaml:7: bootstrap.server.noSec: would have the device come in the clear",
    ],
    [
      "a missing profile",
      "kind: device\nendpoint: demo\ncredentials: [{ noSec: true }]",
      "documents.yaml:1: profile: is missing",
    ],
    ["an unknown kind", "kind: gadget", "documents.yaml:1: kind: is not profile, device or model"],
    [
      "a text",
      "hello",
      "documents.yaml:1: is not a document: it has no `kind: profile`, `kind: device` or `kind: model`",
    ],
    [
      "an attribute of a profile",
      "kind: profile\nname: meter\nresources:\n  /3/0/9: { key: battery, telemetry: yes }",
      "documents.yaml:4: resources",
    ],
    [
      "a timer of another power mode",
      `${device("  - noSec: true")}\npower: { mode: drx, cycleMs: 1 }`,
      "documents.yaml:6: power.cycleMs: is a timer of mode edrx, and the mode is drx",
    ],
    ["bad YAML", "kind: device\n  endpoint: [", "documents.yaml:"],
    ["a model that is none", "<LWM2M>", "model.xml: "],
  ])("%s", async (_, text, expected) => {
    expect(await problemsOf(text, text.startsWith("<") ? "model.xml" : "documents.yaml")).toContain(expected);
  });

  it("names every problem of every file", async () => {
    const problems = await problemsOf("kind: gadget\n---\nkind: profile\n");
    expect(problems.split("\n")).toHaveLength(2);
  });

  it("refuses the same record twice", async () => {
    expect(await problemsOf(`${PROFILE}---\n${PROFILE}`)).toMatch(
      /profile\/default\/meter stands also in .*documents\.yaml:1/,
    );
  });

  it("refuses a document that unfolds by its aliases", async () => {
    const bomb = `a: &a [x, x, x, x, x, x, x, x, x]\nb: &b [${"*a, ".repeat(9)}*a]\nc: &c [${"*b, ".repeat(9)}*b]\nd: [${"*c, ".repeat(9)}*c]`;
    expect(await problemsOf(bomb)).toMatch(/alias/i);
  });

  it("refuses an XML document type: entities could unfold or read files", async () => {
    expect(await problemsOf(`<!DOCTYPE x [<!ENTITY a "b">]>${MODEL}`, "model.xml")).toMatch(/model\.xml: /);
  });

  it("says so when there is nothing to read, or nowhere", async () => {
    await expect(readDocuments([directory])).rejects.toThrow(/holds no \*\.xml/);
    await expect(readDocuments([join(directory, "nowhere")])).rejects.toThrow(/nowhere: does not exist/);
  });
});

describe("reading what is valid of many files", () => {
  const write = (name: string, content: string | Uint8Array) => writeFile(join(directory, name), content);
  const readAll = async () => {
    const { documents, errors } = await readValidDocuments([directory]);
    return {
      ids: documents.map(({ kind, id }) => `${kind} ${id}`),
      problems: errors.map(({ file, reason }) => `${file.replace(`${directory}/`, "")}: ${reason}`),
    };
  };
  const model = (id: number, version = "1.0") =>
    MODEL.replaceAll("26241", String(id)).replace("<ObjectVersion>1.0", `<ObjectVersion>${version}`);

  it("names each bad file with its reason, and takes the others", async () => {
    await write("good.xml", model(26241));
    await write("good-1.1.xml", model(26241, "1.1"));
    await write("doctype.xml", `<!DOCTYPE x>${model(26242)}`);
    await write("empty.xml", "");
    await write("html.xml", "<html><body></body></html>");
    await write("no-object.xml", "<LWM2M></LWM2M>");
    await write("other-type.xml", model(26243).replace("MODefinition", "Other"));
    await write(
      "twice.xml",
      model(26244).replace(
        "<Resources>",
        '<Resources><Item ID="0"><Name>a</Name><Operations>E</Operations><MultipleInstances>Single</MultipleInstances><Mandatory>Optional</Mandatory><Type></Type></Item>',
      ),
    );
    await write("id.xml", model(26245).replace("<ObjectID>26245", "<ObjectID>0x3"));
    await write("version.xml", model(26246, "1"));
    await write("large.xml", " ".repeat(8_388_609));
    await write("larger-model.xml", `${model(26247)}${" ".repeat(1_048_576)}`);
    await write("latin1.xml", Buffer.from(model(26248).replace("Pump", "P\u00fcmp"), "latin1"));
    await write("bad.yaml", "kind: gadget");
    await write("notes.txt", "not looked at");
    const { ids, problems } = await readAll();
    expect(ids).toEqual(["model 26241_1.1", "model 26241_1.0"]);
    expect(problems).toEqual([
      "bad.yaml: is not profile, device or model",
      expect.stringMatching(/^doctype\.xml: .*DOCTYPE/),
      expect.stringMatching(/^empty\.xml: .*Start tag expected/),
      expect.stringMatching(/^html\.xml: .*root element is not <LWM2M>/),
      expect.stringMatching(/^id\.xml: .*<ObjectID> of <Object> 1: 0x3 is not in 0\.\.65535/),
      "large.xml: has 8388609 bytes, at most 8388608 are read",
      expect.stringMatching(/^larger-model\.xml: has \d+ bytes, at most 1048576 are possible/),
      "latin1.xml: is not a text in UTF-8, or UTF-16 with a byte order mark",
      expect.stringMatching(/^no-object\.xml: .*<LWM2M> has no <Object>/),
      expect.stringMatching(/^other-type\.xml: .*ObjectType of object 26243: Other is not MODefinition/),
      expect.stringMatching(/^twice\.xml: .*<Item ID="0"> of object 26244 is there twice/),
      expect.stringMatching(/^version\.xml: .*<ObjectVersion> of object 26246: 1 is not major\.minor/),
    ]);
  });

  it("takes the first of files that define one model, and names those that define it differently", async () => {
    await write("a.xml", model(26241));
    await write("b.xml", model(26241).replace("Pump", "Valve"));
    await write("c.xml", model(26242));
    await write("d.xml", model(26242).replace("<LWM2M>", "<!-- Copyright 2024 --><LWM2M>"));
    const { ids, problems } = await readAll();
    expect(ids).toEqual(["model 26241_1.0", "model 26242_1.0"]);
    expect(problems).toEqual([
      expect.stringMatching(
        /^b\.xml: model\/default\/26241_1\.0 stands also in .*a\.xml, with other content: that one counts, keep one/,
      ),
    ]);
  });

  it("takes each of several objects in one file, whatever one of them lacks", async () => {
    const objects = [model(26241), model(26242, "x"), model(26243, "2.0")].join("").replaceAll("</LWM2M><LWM2M>", "");
    await write("all.xml", objects);
    const { ids, problems } = await readAll();
    expect(ids).toEqual(["model 26241_1.0", "model 26243_2.0"]);
    expect(problems).toEqual([expect.stringMatching(/^all\.xml: .*of object 26242/)]);
  });

  it("takes files with a byte order mark, in UTF-16, and with letters of any size in their names", async () => {
    await write("bom.XML", `\uFEFF${model(26241)}`);
    await write("utf16.xml", Buffer.from(`\uFEFF${model(26242)}`, "utf16le"));
    expect(await readAll()).toEqual({ ids: ["model 26241_1.0", "model 26242_1.0"], problems: [] });
  });

  it("names a link that leads nowhere", async () => {
    await write("a.xml", model(26241));
    await symlink(join(directory, "gone.xml"), join(directory, "link.xml"));
    expect((await readAll()).problems).toEqual([expect.stringMatching(/^link\.xml: cannot be read: ENOENT/)]);
  });

  it("refuses a tenant that none can have, before it reads", async () => {
    await expect(readValidDocuments([directory], { tenant: "a/b" })).rejects.toThrow(
      /tenant: "a\/b" is not 1 to 64 letters/,
    );
  });
});

describe("a document as YAML", () => {
  it("is read back as it was, secrets excepted", async () => {
    const documents = await readDocuments([QUICKSTART]);
    const again = await read(documents.map(formatDocument).join("---\n"), "again.yaml");
    expect(again.map(({ source, ...document }) => document)).toEqual(
      documents.map(({ source, ...document }) => document),
    );
  });

  it("masks keys", async () => {
    const [document] = await read(device("  - psk: { identity: a, key: 00112233445566778899aabbccddeeff }"));
    const text = formatDocument(document as ProvisioningDocument);
    expect(text).toContain('key: "******"');
    expect(text).not.toContain("001122");
  });

  it("masks the keys of a credential and of the one that it replaces", () => {
    const psk = (identity: string) => ({ psk: { identity, key: { plain: Buffer.alloc(16, 0x11) } } });
    const body = { credential: psk("new"), previous: [psk("old")] };
    expect(parse(formatDocument({ kind: "credential", tenant: "default", id: "meter-1", body }))).toEqual({
      kind: "credential",
      endpoint: "meter-1",
      psk: { identity: "new", key: "******" },
      previous: [{ psk: { identity: "old", key: "******" } }],
    });
  });
});
