/**
 * What `deno task doctor` checks about chat completions: whether the running server
 * accepts a key. The request is free.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import {
  type CheckResult,
  createResults,
} from "../../settings/check_result.ts";

const { ok, fail, skipped } = createResults("chat completions");

/** Requests the list of models from the server at this address, if it runs. */
export async function diagnose(
  key: string,
  server: URL,
  signal: AbortSignal,
): Promise<CheckResult> {
  const { href } = new URL("/v1/models", server);
  try {
    const { status, body } = await fetch(href, {
      headers: { authorization: `Bearer ${key}` },
      // A redirect would carry the key elsewhere.
      redirect: "manual",
      signal,
    });
    await body?.cancel();
    if (status === 200) return ok(`${href} takes the key`);
    if (status === 401 || status === 404) {
      return fail(
        `${href} refuses the key (${status}): the server there has other keys, or none`,
        "start the server again, so that it reads today's API_KEYS",
      );
    }
    return fail(
      `${href} answers with status ${status}`,
      "the address must be Parley's own: see what else answers there",
    );
  } catch (error) {
    return skipped(
      `not tried, since no server answers at ${server.origin}: ${
        explain(error)
      }`,
    );
  }
}
