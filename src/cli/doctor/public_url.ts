/**
 * Sends the server a turn through its public URL, signed as Layercode signs.
 *
 * @module
 */
import { newId } from "../../platforms/layercode/client.ts";
import { explain } from "../../server/log.ts";
import type { Config } from "../../settings/config.ts";
import {
  type CheckResult,
  createResults,
} from "../../settings/check_result.ts";
import { readStoredSecret } from "../../settings/secret.ts";
import {
  ask,
  connectLayercode,
  explainRefusal,
  type TurnResult,
} from "../_connection.ts";

const { ok, fail, skipped } = createResults("public URL");

/**
 * Checks the public URL, if there is one.
 *
 * @param signal aborts the turn
 */
export async function checkPublicUrl(
  url: URL | undefined,
  { webhookSecrets, dataDir }: Pick<Config, "webhookSecrets" | "dataDir">,
  signal: AbortSignal,
): Promise<CheckResult> {
  if (url === undefined) {
    return skipped("--url https://… sends a turn through your tunnel");
  }
  const secret = webhookSecrets[0] ?? await readStoredSecret(dataDir);
  if (secret === undefined) {
    return fail(
      "no turn was sent: there is no webhook secret to sign it with",
      "start the server once (deno task start), or set LAYERCODE_WEBHOOK_SECRET",
    );
  }
  const connection = connectLayercode(url.href, secret, newId("conv_doctor"));
  const text = "Hello, can you hear me?";
  const event = { type: "message", turn_id: newId("turn"), text };
  try {
    const result = await ask(connection, event, { signal });
    if (!(result instanceof Response)) return explainResult(result);
    const body = await result.text().catch(explain);
    return fail(...explainRefusal(result, body, connection.url));
  } catch (error) {
    return fail(
      `cannot reach ${url.href}: ${explain(error)}`,
      "start the server and the tunnel, and check the address; a tunnel's name " +
        "ends with the tunnel, and a new one takes some seconds to work",
    );
  }
}

/** Says how the turn ended. */
function explainResult(result: TurnResult): CheckResult {
  const { status, reason, provider, model, total_ms: endMs } = result;
  if (reason !== undefined) {
    return fail(
      `the answer broke off after ${endMs} ms: ${reason}`,
      "see the server's log; a proxy must let an answer take its time (nginx: proxy_read_timeout)",
    );
  }
  if (status === "failed") {
    return fail(
      "the turn was answered with ERROR_MESSAGE: the model there fails",
      "see the language model above, and the server's log",
    );
  }
  const who = provider ? ` by ${provider}, ${model}` : "";
  return ok(
    `a signed turn was answered${who}: first word after ` +
      `${result.first_words_ms ?? endMs} ms, all of it after ${endMs} ms`,
  );
}
