/**
 * Sends the server a turn through its public URL, signed as Layercode signs, and
 * says what is wrong: a tunnel that has ended, a proxy that redirects, another
 * secret.
 *
 * @module
 */
import { newId } from "../../platforms/layercode/client.ts";
import { explain } from "../../server/log.ts";
import type { Config } from "../../settings/config.ts";
import type { CheckResult } from "../../settings/check_result.ts";
import { readStoredSecret } from "../../settings/secret.ts";
import { ask, connectLayercode, type TurnResult } from "../_connection.ts";

const title = "public URL";

function fail(detail: string, fix: string): CheckResult {
  return { status: "fail", title, detail, fix };
}

/**
 * Checks the public URL, if there is one.
 *
 * @param signal aborts the turn
 */
export async function checkPublicUrl(
  url: URL | undefined,
  { webhookSecrets, dataDir }: Pick<Config, "webhookSecrets" | "dataDir">,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  if (url === undefined) {
    const detail = "--url https://… sends a turn through your tunnel";
    return [{ status: "skipped", title, detail }];
  }
  const secret = webhookSecrets[0] ?? await readStoredSecret(dataDir);
  if (secret === undefined) {
    return [fail(
      "no turn was sent: there is no webhook secret to sign it with",
      "start the server once (deno task start), or set LAYERCODE_WEBHOOK_SECRET",
    )];
  }
  const connection = connectLayercode(url.href, secret, newId("conv_doctor"));
  const text = "Hello, can you hear me?";
  const event = { type: "message", turn_id: newId("turn"), text };
  try {
    const result = await ask(connection, event, { signal });
    if (!(result instanceof Response)) return [explainResult(result)];
    const body = await result.text().catch(explain);
    return [explainRefusal(result, body, url)];
  } catch (error) {
    return [fail(
      `cannot reach ${url.href}: ${explain(error)}`,
      "start the server and the tunnel, and check the address; a tunnel's name " +
        "ends with the tunnel, and a new one takes some seconds to work",
    )];
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
  const detail = `a signed turn was answered${who}: first word after ` +
    `${result.first_words_ms ?? endMs} ms, all of it after ${endMs} ms`;
  return { status: "ok", title, detail };
}

/** Says why a signed turn was not answered with a stream, and how to fix that. */
function explainRefusal(
  { status, headers }: Response,
  text: string,
  url: URL,
): CheckResult {
  const location = headers.get("location");
  const said = /"message":\s*"([^"]*)"/.exec(text)?.[1];
  const because = said ? `(${status}): ${said}` : `(${status})`;
  if (location !== null) {
    return fail(
      `${url.href} redirects (${status}) to ${location}: the body of a POST gets lost`,
      "give Layercode the address that it redirects to",
    );
  }
  // Cloudflare has its own status codes; ngrok answers 404 when there is no
  // tunnel.
  if (
    /^5(0[24]|[23]\d)$/.test(`${status}`) || headers.has("ngrok-error-code")
  ) {
    return fail(
      `a tunnel or proxy can't reach the server behind it ${because}`,
      "start the server, and the tunnel or proxy to its HOST and PORT; a " +
        "tunnel's address may change with each start",
    );
  }
  if (status === 401) {
    return fail(
      `the server refuses our signature ${because}`,
      "both need the same LAYERCODE_WEBHOOK_SECRET (start the server again " +
        "after changing it), and clocks that are set by the network",
    );
  }
  if (status === 404 || status === 405) {
    return fail(
      `${url.pathname} is not the webhook's path (${status})`,
      `try ${new URL("/agent", url)}`,
    );
  }
  return fail(
    `the turn was not answered with Parley's stream ${because}`,
    "the URL must be Parley's, with /agent at its end; a proxy must let " +
      "Layercode's POST through; see the server's log",
  );
}
