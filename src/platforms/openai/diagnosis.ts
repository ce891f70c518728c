/**
 * What `deno task doctor` says of the routes by which platforms ask as they
 * would ask OpenAI: whether they are open, and whether the server that runs
 * takes the key and lists its one model. Asking costs nothing.
 *
 * @module
 */
import * as v from "@badrap/valita";
import { explain } from "../../server/log.ts";
import type { Finding } from "../../settings/finding.ts";

/** What is looked at. */
export interface DiagnosisOptions {
  /** The owner's; absent: the routes are closed. */
  keys?: readonly string[];
  /** Where the server is, as far as it runs. */
  url: URL;
  /** Whether a server has to be there; else that there is none is no fault. */
  isPublic: boolean;
}

const TITLE = "chat completions";

/** Asks for the list of models, with each key; without any, there is nothing to look at. */
export async function diagnose(
  { keys = [], url, isPublic }: DiagnosisOptions,
  signal: AbortSignal,
): Promise<Finding[]> {
  const models = new URL("/v1/models", url);
  return await Promise.all(keys.map(async (key, index) => {
    const which = keys.length > 1 ? `key no. ${index + 1}` : "the key";
    try {
      const response = await fetch(models, {
        headers: { authorization: `Bearer ${key}` },
        // A redirect would carry the key elsewhere.
        redirect: "manual",
        signal,
      });
      return judge(response.status, await response.text(), which, models);
    } catch (error) {
      return explainSilence(error, models, isPublic);
    }
  }));
}

function explainSilence(
  error: unknown,
  { origin }: URL,
  isPublic: boolean,
): Finding {
  if (isPublic) {
    return {
      status: "fail",
      title: TITLE,
      detail: `cannot reach ${origin}: ${explain(error)}`,
      fix: "start the server and the tunnel, and check the address",
    };
  }
  const detail = "API_KEYS is set; whether the routes answer was not tried, " +
    `since no server answers at ${origin}`;
  return { status: "skipped", title: TITLE, detail };
}

function judge(
  status: number,
  body: string,
  which: string,
  { href, origin }: URL,
): Finding {
  const count = status === 200 ? countModels(body) : undefined;
  if (count === 1) {
    const detail = `${href} takes ${which}, and lists one model`;
    return { status: "ok", title: TITLE, detail };
  }
  const restart = "start the server again, so that it reads today's API_KEYS";
  const [fault, fix] = count !== undefined
    ? [`lists ${count} models, and platforms refuse to choose`, restart]
    : status === 401
    ? [`refuses ${which} (401)`, restart]
    : status === 404
    ? ["is closed (404): the server there was started without keys", restart]
    : status === 429
    ? ["saw too many wrong keys (429)", "try again in a minute"]
    : [
      `answers with status ${status}, not with a list of models`,
      `the address must be Parley's own: see what else answers at ${origin}`,
    ];
  return { status: "fail", title: TITLE, detail: `${href} ${fault}`, fix };
}

const listSchema = v.object({ data: v.array(v.unknown()) });

function countModels(body: string): number | undefined {
  try {
    return listSchema.parse(JSON.parse(body), { mode: "strip" }).data.length;
  } catch {
    // Whatever has another shape is no list of models.
    return undefined;
  }
}
