/**
 * What `deno task doctor` checks about Layercode: whether the webhook secret looks
 * valid, whether the clock is accurate enough for signatures, and whether
 * Layercode accepts the API key and knows the agent. The requests are free.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import {
  type CheckResult,
  createResults,
} from "../../settings/check_result.ts";
import type { LayercodeSettings } from "./settings.ts";
import { TOLERANCE_SECONDS } from "./verify.ts";

const { ok, warn, fail, skipped } = createResults("layercode");

/**
 * Checks everything that Layercode needs. Without an API key, the request to
 * Layercode only serves to compare the clocks.
 *
 * @param webhookSecrets the owner's; empty if the server made one itself
 */
export async function diagnose(
  { webhookSecrets, apiKey, agentId, apiUrl }:
    & { webhookSecrets: readonly string[] }
    & Pick<LayercodeSettings, "apiKey" | "agentId" | "apiUrl">,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  let date: string | null = null;
  let found: CheckResult;
  try {
    const path = agentId ? `/${encodeURIComponent(agentId)}` : "";
    const response = await fetch(`${apiUrl}/v1/agents${path}`, {
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      // A redirect would carry the key elsewhere.
      redirect: "manual",
      signal,
    });
    const why = /"error":\s*"([^"]*)"/.exec(await response.text())?.[1];
    date = response.headers.get("date");
    found = diagnoseResponse(response.status, why ? `: ${why}` : "", agentId);
  } catch (error) {
    found = fail(
      `cannot reach ${apiUrl}: ${explain(error)}`,
      "check the network and LAYERCODE_API_URL; Layercode itself may be down",
    );
  }
  if (!apiKey) {
    found = skipped(
      "LAYERCODE_API_KEY is not set; only web pages need it (/authorize)",
    );
  }
  return [...diagnoseSecrets(webhookSecrets), diagnoseClock(date), found];
}

/** Shorter secrets can be guessed. */
const MIN_SECRET_LENGTH = 16;

function diagnoseSecrets(secrets: readonly string[]): CheckResult[] {
  const { ok, warn } = createResults("webhook secret");
  if (secrets.length === 0) {
    return [ok(
      "one that Parley makes itself; Layercode's belongs in LAYERCODE_WEBHOOK_SECRET",
    )];
  }
  return secrets.map((secret, index) => {
    const which = secrets.length > 1 ? `no. ${index + 1} ` : "";
    // Docker's env files keep the quotes around a value.
    const fault = /\s|["'`]/.test(secret)
      ? "has white space or quotes in it"
      : secret.length < MIN_SECRET_LENGTH
      ? `has only ${secret.length} characters`
      : undefined;
    if (fault === undefined) return ok(`${which}is set`);
    return warn(
      `${which}${fault}`,
      "copy it again from Layercode's dashboard (your agent, “Connect your " +
        "backend”) into LAYERCODE_WEBHOOK_SECRET",
    );
  });
}

/** How far the clock may be off, in seconds: less than the tolerance, since a request takes time, too. */
const ALLOWED_SECONDS = 60;

/** Compares the clock with a `date` header: a signature with a wrong time is refused. */
export function diagnoseClock(
  date: string | null,
  nowMs = Date.now(),
): CheckResult {
  const { ok, fail, skipped } = createResults("clock");
  const seconds = Math.round((nowMs - Date.parse(date ?? "")) / 1000);
  if (Number.isNaN(seconds)) {
    return skipped("not compared with Layercode's: no answer from it");
  }
  const off = Math.abs(seconds);
  if (off <= ALLOWED_SECONDS) return ok(`within ${off + 1} s of Layercode's`);
  return fail(
    `${off} s ${seconds > 0 ? "ahead of" : "behind"} Layercode's; ` +
      `webhooks are refused when it is off by ${TOLERANCE_SECONDS} s`,
    "have it set by the network, e.g. sudo timedatectl set-ntp true",
  );
}

function diagnoseResponse(
  status: number,
  message: string,
  agentId: string | undefined,
): CheckResult {
  const copy = (what: string, env: string) =>
    `copy ${what} again from Layercode's dashboard into ${env}`;
  if (status === 200) {
    const knows = agentId ? `, and knows agent ${agentId}` : "";
    return ok(`takes the API key${knows}`);
  }
  if (status === 404 && agentId) {
    const detail = `there is no agent ${agentId}${message}`;
    return fail(detail, copy("its id", "LAYERCODE_AGENT_ID"));
  }
  if ([400, 401, 403].includes(status)) {
    const detail = `the API key is refused (${status})${message}`;
    return fail(detail, copy("it", "LAYERCODE_API_KEY"));
  }
  return warn(
    `could not tell whether the key is good: status ${status}${message}`,
    "try again later; Layercode may be down",
  );
}
