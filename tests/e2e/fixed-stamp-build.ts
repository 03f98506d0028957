/**
 * Makes of the process that it is loaded into (`node --import`) a build of Ferry whose explicit nonces all have the same stamp, as a careless change could:
 * each claim then counts from the same nonce on. A check that does not find this checks nothing. It is done to the source as it is loaded: no build that anyone
 * ships has a switch for it.
 */
import assert from "node:assert";
import { registerHooks } from "node:module";

const NONCES = "/libs/dtls/src/explicit-nonce.ts";
const STAMP = "this.#stamp = stamp;";

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(NONCES)) return loaded;
    const source = String(loaded.source);
    assert(source.includes(STAMP), `${NONCES} has no "${STAMP}" any more: fix what this build changes`);
    return { ...loaded, source: source.replace(STAMP, "this.#stamp = 1;") };
  },
});
