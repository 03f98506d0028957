import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { CODE, OPTION, uintOption, uriPath } from "@ferry/coap";
import { MissingToolError } from "@ferry/testing";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type CoapEndpoint, startCoapEndpoint } from "./coap-endpoint.ts";

const run = promisify(execFile);
const LARGE = Uint8Array.from({ length: 3000 }, (_, index) => index & 0xff);
/** The names of one program: of Debian's libcoap3-bin, of libcoap2-bin, and of a build from source. */
const NAMES = ["coap-client-notls", "coap-client"];
