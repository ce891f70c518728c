/**
 * What `deno task doctor` checks about chat completions: whether the running server
 * accepts the keys that are set, and lists one model. The requests are free.
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import type { CheckResult } from "../../settings/check_result.ts";

const title = "chat completions";

/**
 * Requests the list of models with each key. Without keys, the routes are closed,
 * and nothing is checked.
 *
 * @param url the address of the server, if it runs
 * @param isPublic whether the server has to run; otherwise the check is skipped if it doesn't
 */
export async function diagnose(
  { keys = [], url, isPublic }: {
    keys?: readonly string[];
    url: URL;
    isPublic: boolean;
  },
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const { href, origin } = new URL("/v1/models", url);
  return await Promise.all(
    keys.map(async (key, index): Promise<CheckResult> => {
      const which = keys.length > 1 ? `key no. ${index + 1}` : "the key";
      try {
        const response = await fetch(href, {
          headers: { authorization: `Bearer ${key}` },
          // A redirect would carry the key elsewhere.
          redirect: "manual",
          signal,
        });
        const body = await response.text();
        return diagnoseResponse(response.status, body, which, href);
      } catch (error) {
        if (!isPublic) {
          const detail = "API_KEYS is set; whether the routes answer was not " +
            `tried, since no server answers at ${origin}`;
          return { status: "skipped", title, detail };
        }
        const detail = `cannot reach ${origin}: ${explain(error)}`;
        const fix = "start the server and the tunnel, and check the address";
        return { status: "fail", title, detail, fix };
      }
    }),
  );
}

function diagnoseResponse(
  status: number,
  body: string,
  which: string,
  href: string,
): CheckResult {
  if (status === 200 && body.split('"object":"model"').length === 2) {
    const detail = `${href} takes ${which}, and lists one model`;
    return { status: "ok", title, detail };
  }
  const restart = "start the server again, so that it reads today's API_KEYS";
  const [fault, fix] = status === 401
    ? [`refuses ${which} (401)`, restart]
    : status === 404
    ? ["is closed (404): the server there was started without keys", restart]
    : [
      `answers with status ${status}, not with a list of one model`,
      "the address must be Parley's own: see what else answers there",
    ];
  return { status: "fail", title, detail: `${href} ${fault}`, fix };
}
