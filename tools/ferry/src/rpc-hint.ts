import type { RpcAnswer } from "@ferry/client";
import { ATTRIBUTE_NAMES } from "@ferry/lwm2m";
import { METHODS } from "@ferry/rpc";

/**
 * What a person may do about an answer that is no success; undefined where its own text says that.
 *
 * The texts of answers are ThingsBoard's, for programs that know them. This goes beside them.
 */
export function hintFor(methodName: string, { status, code, result, error }: RpcAnswer): string | undefined {
  const method = METHODS.find(({ name }) => name === methodName);
  if (method === undefined) return methodsLike(methodName);
  if (status === "NOT_REGISTERED") {
    return "`ferry devices` lists those that are registered, `ferry get devices` those that may; --persistent waits for one";
  }
  if (status === "EXPIRED")
    return "a device that sleeps is asked when it is next heard: give it more time by --timeout";
  if (error?.includes("is not configured in the device profile")) return "`ferry get profiles -o yaml` shows the keys";
  if (typeof code === "number" && code >= 400 && !error) return `the device answered ${result} and gave no reason`;
  if (status !== "REJECTED") return undefined;
  const attributes = method.name === "WriteAttributes" ? `; attributes are ${ATTRIBUTE_NAMES.join(", ")}` : "";
  return `such as: ferry rpc <endpoint> '${`${method.name} ${method.example}`.trimEnd()}'${attributes}`;
}

function methodsLike(methodName: string): string {
  const meant = METHODS.find(({ name }) => name.toLowerCase() === methodName.toLowerCase());
  if (meant !== undefined) return `it is written ${meant.name}`;
  return `there are ${METHODS.map(({ name }) => name).join(", ")}`;
}
