/**
 * Whether there is a webhook secret, whether it is a good one, and whether a
 * server that runs here has the same.
 *
 * @module
 */
import { sendEvent } from "../../platforms/layercode/client.ts";
import { readKeptSecret } from "../../settings/secret.ts";
import { findRunning } from "./running.ts";
import { findings, type Patient, type Result } from "./result.ts";

const { ok, warn, fail, skipped } = findings("webhook secret");

/** Shorter ones can be guessed. */
const SHORT = 16;

/** Looks at the webhook secret. */
export async function checkSecret(
  patient: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const { webhookSecrets, dataDir } = patient.config;
  if (webhookSecrets.length > 0) {
    return [
      ...webhookSecrets.map((secret, n) =>
        judge(secret, webhookSecrets.length > 1 ? ` (no. ${n + 1})` : "")
      ),
      ...await askServer(webhookSecrets, patient, signal),
    ];
  }
  const kept = await readKeptSecret(dataDir);
  if (kept === undefined) {
    return [
      ok(
        `not set: one is made on the first start, in ${dataDir}/webhook-secret. ` +
          "Layercode has its own, which belongs in LAYERCODE_WEBHOOK_SECRET",
      ),
    ];
  }
  return [
    await judgeFile(`${dataDir}/webhook-secret`),
    ...await askServer([kept], patient, signal),
  ];
}

function judge(secret: string, which: string): Result {
  const again =
    "copy it again from the dashboard: your agent, “Connect your backend”";
  if (looksLikeExample(secret)) {
    return fail(`LAYERCODE_WEBHOOK_SECRET${which} is an example`, again);
  }
  if (/\s|["'`]/.test(secret)) {
    return warn(
      `LAYERCODE_WEBHOOK_SECRET${which} has white space or quotes in it`,
      again,
    );
  }
  if (secret.length < SHORT) {
    return warn(
      `LAYERCODE_WEBHOOK_SECRET${which} has only ${secret.length} characters`,
      again,
    );
  }
  return ok(`LAYERCODE_WEBHOOK_SECRET${which} is set`);
}

/** Whether a value is what examples put where a secret belongs. */
export function looksLikeExample(value: string): boolean {
  return /^(your|my|change|replace|insert|example|placeholder|todo|secret$|x{3}|\.{3}|…|<)/i
    .test(value);
}

async function judgeFile(path: string): Promise<Result> {
  const { mode } = await Deno.stat(path);
  if (mode !== null && (mode & 0o077) !== 0 && Deno.build.os !== "windows") {
    return warn(
      `${path} can be read by others (mode ${(mode & 0o777).toString(8)})`,
      `chmod 600 ${path} (the next start does it, too)`,
    );
  }
  return ok(
    `the one made in ${path}. Layercode has its own, which belongs in ` +
      "LAYERCODE_WEBHOOK_SECRET",
  );
}

/**
 * Signs an event of no conversation. A server that knows the secret looks at
 * it, and refuses it without a word in its log.
 */
async function askServer(
  secrets: readonly string[],
  { config }: Patient,
  signal: AbortSignal,
): Promise<Result[]> {
  const running = await findRunning(config, signal);
  if (running === undefined) return [];
  const results: Result[] = [];
  for (const [n, secret] of secrets.entries()) {
    const which = secrets.length > 1 ? ` no. ${n + 1}` : "";
    const url = `${running.url}/agent`;
    const event = { type: "parley.doctor" };
    const response = await sendEvent(event, { url, secret }, signal);
    const text = await response.text();
    if (response.status === 400 && text.includes("invalid_event")) {
      results.push(
        ok(`the running server takes what is signed with it${which}`),
      );
    } else if (response.status === 401) {
      results.push(fail(
        text.includes("clocks")
          ? "the running server refuses the signature's time"
          : `the running server has another secret${which && ` than${which}`}`,
        "start the server again, so that it reads today's settings",
      ));
    } else {
      const detail = `the running server answered ${response.status}`;
      results.push(skipped(detail));
    }
  }
  return results;
}
