/**
 * What `deno task doctor` says of Layercode: whether the webhook secret looks
 * like one, whether the clock is right enough for signatures, and whether
 * Layercode takes the API key and knows the agent. Asking costs nothing.
 *
 * https://docs.layercode.com/api-reference/rest-api
 *
 * @module
 */
import { explain } from "../../server/log.ts";
import type { CheckResult } from "../../settings/check_result.ts";
import { TOLERANCE_SECONDS } from "./verify.ts";

/** What is looked at. */
export interface DiagnosisOptions {
  /** Those that the owner gave; empty where the server uses one of its own. */
  webhookSecrets: readonly string[];
  /** Without it Layercode is asked for the time alone. */
  apiKey?: string;
  /** The agent that the key is for. */
  agentId?: string;
  /** Where Layercode's API is. */
  apiUrl: string;
}

/** What is found of one thing. */
function finder(title: string) {
  return (
    status: CheckResult["status"],
    detail: string,
    fix?: string,
  ): CheckResult =>
    fix === undefined
      ? { status, title, detail }
      : { status, title, detail, fix };
}

const ofSecret = finder("webhook secret");
const ofClock = finder("clock");
const ofLayercode = finder("layercode");

const NO_KEY = ofLayercode(
  "skipped",
  "LAYERCODE_API_KEY is not set; only web pages need it (/authorize)",
);

/** Looks at everything that Layercode needs. */
export async function diagnose(
  { webhookSecrets, apiKey, agentId, apiUrl }: DiagnosisOptions,
  signal: AbortSignal,
): Promise<CheckResult[]> {
  const ofSecrets = judgeSecrets(webhookSecrets);
  try {
    const path = agentId ? `/${encodeURIComponent(agentId)}` : "";
    const response = await fetch(`${apiUrl}/v1/agents${path}`, {
      headers: apiKey ? { authorization: `Bearer ${apiKey}` } : {},
      // A redirect would carry the key elsewhere.
      redirect: "manual",
      signal,
    });
    const said = readError(await response.text());
    return [
      ...ofSecrets,
      judgeClock(response.headers.get("date")),
      apiKey ? judgeReply(response.status, said, agentId) : NO_KEY,
    ];
  } catch (error) {
    const detail = `cannot reach ${apiUrl}: ${explain(error)}`;
    const fix =
      "check the network and LAYERCODE_API_URL; Layercode itself may be down";
    return [
      ...ofSecrets,
      judgeClock(null),
      apiKey ? ofLayercode("fail", detail, fix) : NO_KEY,
    ];
  }
}

/** Shorter secrets can be guessed. */
const SHORTEST_SECRET = 16;

function judgeSecrets(secrets: readonly string[]): CheckResult[] {
  if (secrets.length === 0) {
    const detail = "one that Parley makes itself; Layercode's belongs in " +
      "LAYERCODE_WEBHOOK_SECRET";
    return [ofSecret("ok", detail)];
  }
  return secrets.map((secret, index) => {
    const which = secrets.length > 1 ? `no. ${index + 1} ` : "";
    // A container's env file keeps the quotes around a value.
    const fault = /\s|["'`]/.test(secret)
      ? "has white space or quotes in it"
      : secret.length < SHORTEST_SECRET
      ? `has only ${secret.length} characters`
      : undefined;
    if (fault === undefined) return ofSecret("ok", `${which}is set`);
    const fix = "copy it again from Layercode's dashboard (your agent, " +
      "“Connect your backend”) into LAYERCODE_WEBHOOK_SECRET";
    return ofSecret("warn", `${which}${fault}`, fix);
  });
}

/** How far the clock may be off, so that a signature has time left to travel. */
const ALLOWED_SECONDS = 60;

/** Compares the clock with a `date` header. A signature carries its time. */
export function judgeClock(
  date: string | null,
  nowMs = Date.now(),
): CheckResult {
  const seconds = Math.round((nowMs - Date.parse(date ?? "")) / 1000);
  if (Number.isNaN(seconds)) {
    return ofClock(
      "skipped",
      "not compared with Layercode's: no answer from it",
    );
  }
  const off = Math.abs(seconds);
  if (off <= ALLOWED_SECONDS) {
    return ofClock("ok", `within ${off + 1} s of Layercode's`);
  }
  return ofClock(
    "fail",
    `${off} s ${seconds > 0 ? "ahead of" : "behind"} Layercode's; ` +
      `webhooks are refused when it is off by ${TOLERANCE_SECONDS} s`,
    "have it set by the network, e.g. sudo timedatectl set-ntp true",
  );
}

function judgeReply(
  status: number,
  said: string,
  agentId: string | undefined,
): CheckResult {
  const from = "again from Layercode's dashboard into";
  if (status === 200) {
    const knows = agentId ? `, and knows agent ${agentId}` : "";
    return ofLayercode("ok", `takes the API key${knows}`);
  }
  if (status === 404 && agentId) {
    const detail = `there is no agent ${agentId}${said}`;
    return ofLayercode(
      "fail",
      detail,
      `copy its id ${from} LAYERCODE_AGENT_ID`,
    );
  }
  if ([400, 401, 403].includes(status)) {
    const detail = `the API key is refused (${status})${said}`;
    return ofLayercode("fail", detail, `copy it ${from} LAYERCODE_API_KEY`);
  }
  const detail =
    `could not tell whether the key is good: status ${status}${said}`;
  return ofLayercode("warn", detail, "try again later; Layercode may be down");
}

/** What a refusal says, if anything. */
function readError(text: string): string {
  try {
    const { error } = JSON.parse(text);
    return typeof error === "string" ? `: ${error}` : "";
  } catch {
    // Whatever has another shape tells nothing; the status does.
    return "";
  }
}
