import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseSealingKeys, SealingError } from "@ferry/provisioning";
import { UsageError } from "@ferry/runtime";
import { Command } from "commander";
import type { KeyFile, Signer } from "./key-material.ts";
import type { Terminal } from "./terminal.ts";

// Loaded when a key is made: the library for certificates takes its time.
const material = (): Promise<typeof import("./key-material.ts")> => import("./key-material.ts");

interface OutputOptions {
  readonly out: string;
  readonly kubernetesSecret?: string;
}

interface CertificateOptions extends OutputOptions {
  readonly days: string;
  readonly ca?: string;
}

/** `ferry keys generate server --rpk --x509` */
export function keysCommand(terminal: Terminal): Command {
  const generate = new Command("generate").description("make keys; files that are there are never overwritten");
  for (const command of [generateServer, generateSealing, generateCa, generateDevice])
    generate.addCommand(command(terminal));
  return new Command("keys")
    .description("make and show keys for DTLS")
    .addCommand(generate)
    .addCommand(showCommand(terminal));
}

function generateServer(terminal: Terminal): Command {
  const command = new Command("server")
    .description("keys of the DTLS listener: what LWM2M_DTLS_KEYS names")
    .option("--rpk", "a raw public key (RFC 7250)")
    .option("--x509", "a certificate; both when neither is named")
    .option("--name <host>", "a name in the certificate, the first one is its common name", collect, [])
    .option("--by-name", "a further certificate, shown to devices that ask for its first name")
    .option("--ca <stem>", "sign with <stem>.key and <stem>.crt; it signs itself when not given");
  return withOutput(withDays(command), "keys").action(
    async (options: CertificateOptions & { rpk?: true; x509?: true; name: readonly string[]; byName?: true }) => {
      const { name: names, rpk, byName = false } = options;
      const both = rpk === undefined && options.x509 === undefined;
      if (byName && (names.length === 0 || rpk)) {
        throw new UsageError(
          "--by-name is for a certificate: name its host with --name, and make the raw public key apart",
        );
      }
      const { rawServerKey, serverCertificate } = await material();
      const terms = {
        names: names.length === 0 ? ["ferry"] : names.map(checkHost),
        byName,
        ...certificateTerms(options),
      };
      const files = [
        ...((rpk ?? both) && !byName ? rawServerKey() : []),
        ...((options.x509 ?? both) ? await serverCertificate(terms) : []),
      ];
      await put(files, options, terminal);
      if (options.kubernetesSecret !== undefined) return;
      hint(terminal, [
        `Start the transport with LWM2M_DTLS_KEYS=${options.out}, or in Kubernetes:`,
        `  kubectl create secret generic ferry-dtls-keys --from-file=${options.out}`,
        ...files
          .filter(({ name }) => !name.endsWith(".key") || name === "rpk.key")
          .map(({ name }) => `What devices are to know of it: ferry keys show ${join(options.out, name)}`),
      ]);
    },
  );
}

function generateSealing(terminal: Terminal): Command {
  const command = new Command("sealing")
    .description("a key that secrets or DTLS associations are sealed with in Redis")
    .option("--file <name>", "name of the file", "sealing.key");
  return withOutput(command, ".").action(async (options: OutputOptions & { file: string }) => {
    const { sealingKey } = await material();
    await put(sealingKey(options.file), options, terminal);
    if (options.kubernetesSecret !== undefined) return;
    const path = join(options.out, options.file);
    hint(terminal, [
      `The same file for all processes: LWM2M_DTLS_SEALING_KEY_FILE=${path} (transport), or PROVISIONING_SEALING_KEY_FILE=${path} (rpc-router, transport, ferry apply)`,
      `In Kubernetes: kubectl create secret generic ferry-sealing --from-file=${path}`,
      "To rotate a key, add the new line below the old one and restart all processes, then move it above and restart all; the old one can go when nothing is sealed with it any more.",
    ]);
  });
}

function generateCa(terminal: Terminal): Command {
  const command = new Command("ca")
    .description("a CA that signs certificates of devices or servers; keep its key away from servers")
    .option("--name <name>", "its common name", "Ferry fleet CA")
    .option("--stem <stem>", "files are <stem>.key and <stem>.crt", "ca");
  return withOutput(withDays(command), ".").action(
    async (options: CertificateOptions & { name: string; stem: string }) => {
      const { caCertificate } = await material();
      const { days, nowMs } = certificateTerms(options);
      await put(await caCertificate(options.stem, { names: [options.name], days, nowMs }), options, terminal);
      if (options.kubernetesSecret !== undefined) return;
      const stem = join(options.out, options.stem);
      hint(terminal, [
        `Certificates of devices: ferry keys generate device <endpoint> --x509 --ca ${stem}`,
        `Its fleet is declared with x509: { ca: … }, which is ${stem}.crt.`,
      ]);
    },
  );
}

function generateDevice(terminal: Terminal): Command {
  const command = new Command("device")
    .description("a credential of one device, with the document that declares it")
    .argument("<endpoint>", "its endpoint name")
    .option("--psk", "a pre-shared key; this is the default")
    .option("--rpk", "a raw public key (RFC 7250)")
    .option("--x509", "a certificate, signed by --ca, or pinned when there is none")
    .option("--ca <stem>", "sign with <stem>.key and <stem>.crt");
  return withOutput(withDays(command), ".").action(
    async (endpoint: string, options: CertificateOptions & { psk?: true; rpk?: true; x509?: true }) => {
      if ([options.psk, options.rpk, options.x509].filter(Boolean).length > 1)
        throw new UsageError("give one of --psk, --rpk and --x509");
      const { deviceCertificate, devicePsk, deviceRawKey } = await material();
      const files = options.x509
        ? await deviceCertificate(endpoint, certificateTerms(options))
        : options.rpk
          ? deviceRawKey(endpoint)
          : devicePsk(endpoint);
      await put(files, options, terminal);
      if (options.kubernetesSecret !== undefined) return;
      const document = files.find(({ name }) => name.endsWith(".yaml"))?.name ?? "";
      hint(terminal, [
        `Name its profile in ${join(options.out, document)}, then: ferry apply -f ${join(options.out, document)}`,
      ]);
    },
  );
}

function withDays(command: Command): Command {
  return command.option("--days <days>", "how long certificates are valid", "3650");
}

function withOutput(command: Command, folder: string): Command {
  return command
    .option("--out <folder>", "where the files are written", folder)
    .option("--kubernetes-secret <name>", "print a Secret that holds them, and write nothing");
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/;

function checkHost(name: string): string {
  if (!HOST.test(name)) throw new UsageError(`--name ${name} is not a host name: letters, digits, "-" and "."`);
  return name;
}

/** A DNS subdomain, as Kubernetes names objects (RFC 1123). */
const SECRET_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

function checkSecretName(name: string): string {
  if (SECRET_NAME.test(name)) return name;
  throw new UsageError(
    `--kubernetes-secret ${JSON.stringify(name)} is not the name of a Secret: lower-case letters, digits, "-" and ".", at most 253`,
  );
}

function certificateTerms({ days, ca }: Pick<CertificateOptions, "days" | "ca">): {
  readonly days: number;
  readonly signer: Signer | undefined;
  readonly nowMs: number;
} {
  if (!/^[1-9][0-9]{0,4}$/.test(days)) throw new UsageError(`--days ${days} is not a number of days from 1 to 99999`);
  return { days: Number(days), signer: ca === undefined ? undefined : readSigner(ca), nowMs: Date.now() };
}

function readSigner(stem: string): Signer {
  const [key, certificate] = [read(`${stem}.key`, "--ca"), read(`${stem}.crt`, "--ca")];
  const privateKey = attempt(() => createPrivateKey(key));
  const parsed = attempt(() => new X509Certificate(certificate));
  if (privateKey !== undefined && privateKey.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw new UsageError(
      `--ca ${stem}: ${stem}.key is not of P-256 (prime256v1): \`ferry keys generate ca\` makes one`,
    );
  if (privateKey === undefined || parsed?.ca !== true || !parsed.checkPrivateKey(privateKey))
    throw new UsageError(`--ca ${stem}: ${stem}.crt is not the certificate of a CA with the key ${stem}.key`);
  return { certificate: certificate.toString(), privateKey };
}

/** Writes all files or none. @throws {UsageError} one of them is there already, or cannot be written */
async function put(
  files: readonly KeyFile[],
  { out, kubernetesSecret }: OutputOptions,
  terminal: Terminal,
): Promise<void> {
  if (kubernetesSecret !== undefined) {
    terminal.stdout.write((await material()).formatSecret(checkSecretName(kubernetesSecret), files));
    return;
  }
  const there = files.map(({ name }) => join(out, name)).find((path) => existsSync(path));
  if (there !== undefined)
    throw new UsageError(`${there} is there already and is not overwritten: move it away, or choose another --out`);
  const written: string[] = [];
  try {
    mkdirSync(out, { recursive: true, mode: 0o700 });
    for (const { name, content } of files) {
      writeFileSync(join(out, name), content, { mode: 0o600, flag: "wx" });
      written.push(join(out, name));
    }
  } catch (error) {
    for (const path of written) rmSync(path, { force: true });
    throw new UsageError(`cannot write to ${out}: ${(error as Error).message}`, { cause: error });
  }
  for (const path of written) terminal.stdout.write(`${path}\n`);
}

function hint({ stderr }: Terminal, lines: readonly string[]): void {
  for (const line of lines) stderr.write(`${line}\n`);
}

/** `ferry keys show server.crt` */
function showCommand(terminal: Terminal): Command {
  return new Command("show")
    .description(
      "the public parts of a key, a certificate or a file of sealing keys, as devices and documents want them",
    )
    .argument("<file>", "PEM or DER")
    .action(async (file: string) => {
      const bytes = read(file, "keys show");
      const shown = (await showCertificates(bytes)) ?? (await showKey(bytes)) ?? showSealing(bytes);
      if (shown === undefined)
        throw new UsageError(`${file} is neither a key nor a certificate, PEM or DER, nor a file of sealing keys`);
      terminal.stdout.write(shown);
    });
}

async function showCertificates(bytes: Buffer): Promise<string | undefined> {
  const blocks = bytes.toString("latin1").match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  const certificates = (blocks ?? [bytes]).map((one) => attempt(() => new X509Certificate(one)));
  const { formatCertificate, formatPublicKey } = await material();
  const [first] = certificates;
  if (first === undefined) return undefined;
  return certificates
    .filter((one) => one !== undefined)
    .map((one) => formatCertificate(one) + (one === first ? formatPublicKey(one.publicKey) : ""))
    .join("");
}

async function showKey(bytes: Buffer): Promise<string | undefined> {
  const attempts: (() => KeyObject)[] = [
    // OpenSSL puts the parameters of the curve before the key.
    () =>
      createPrivateKey(
        bytes.toString("latin1").replace(/-----BEGIN EC PARAMETERS-----[^-]*-----END EC PARAMETERS-----/, ""),
      ),
    () => createPrivateKey({ key: bytes, format: "der", type: "pkcs8" }),
    () => createPrivateKey({ key: bytes, format: "der", type: "sec1" }),
    () => createPublicKey(bytes),
    () => createPublicKey({ key: bytes, format: "der", type: "spki" }),
  ];
  const key = attempts.map(attempt).find((one) => one !== undefined);
  return key === undefined ? undefined : (await material()).formatPublicKey(key);
}

/** By their ids, which are all that may be shown. */
function showSealing(bytes: Buffer): string | undefined {
  try {
    const { current, byId } = parseSealingKeys(bytes.toString("latin1"));
    return [...byId.keys()]
      .map((id) => `sealing key ${id}${id === current ? ", which seals" : ", which opens"}\n`)
      .join("");
  } catch (error) {
    if (error instanceof SealingError) return undefined;
    throw error;
  }
}

function read(file: string, what: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new UsageError(`${what}: ${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** OpenSSL's errors have no common class: what it cannot read is something else. */
function attempt<Parsed>(parse: () => Parsed): Parsed | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
