import { isBindingMode } from "@ferry/lwm2m";
import { z } from "zod";
import { wholeNumber } from "./schema.ts";

/** Devices keep seconds as signed integers of 32 bits. */
const MAX_SECONDS = 2_147_483_647;

/** Members of an account, as both forms of a profile have them; what they are, `ServerAccount` says. */
export const SECONDS: z.ZodType<number, number> = wholeNumber(0, MAX_SECONDS);
export const LIFETIME_S: z.ZodType<number, number> = wholeNumber(1, MAX_SECONDS);
/** OMA LwM2M Core 1.1.1 §E.2: 0 and 65535 are reserved. */
export const SHORT_SERVER_ID: z.ZodType<number, number> = wholeNumber(1, 65_534);
export const BINDING: z.ZodType<string, string> = z
  .string()
  .refine(
    (text) => isBindingMode(text),
    "is no binding mode: letters of U, M, H, T, S, N and Q, each once, not Q alone",
  );
