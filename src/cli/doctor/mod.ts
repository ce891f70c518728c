/**
 * What `deno task doctor` looks at: every part is asked about itself, all at
 * once, each for a bounded time.
 *
 * @module
 */
import { diagnose as diagnoseLayercode } from "../../platforms/layercode/diagnosis.ts";
import { diagnose as diagnoseOpenAi } from "../../platforms/openai/diagnosis.ts";
import { diagnoseProviders } from "../../providers/choice.ts";
import { createLog, explain } from "../../server/log.ts";
import { createStore, diagnoseStore } from "../../sessions/mod.ts";
import { findPlainText } from "../../sessions/plain_text.ts";
import type { Config } from "../../settings/config.ts";
import type { Finding } from "../../settings/finding.ts";
import { readKeptSecret } from "../../settings/secret.ts";
import { checkPort } from "./machine.ts";
import { checkPublicUrl } from "./public_url.ts";

/** Something to look at. */
export interface Check {
  /** What is looked at, where a fault leaves nothing else to say. */
  title: string;
  /** Looks at it. The signal is aborted when the time is up. */
  look: (signal: AbortSignal) => Promise<Finding[]>;
  /** How long that may take. Default 6,000. */
  timeoutMs?: number;
}

/** The title of the check of language models, which is made again when one was pulled. */
export const MODELS = "language model";

/**
 * Everything that depends on the settings, in the order that it is told of.
 *
 * @param publicUrl the webhook's public address, to have a turn through it
 */
export function listChecks(config: Config, publicUrl?: URL): Check[] {
  const quiet = createLog({ level: "error", format: "json", write() {} });
  const { layercode, webhookSecrets } = config;
  const platform = {
    ...layercode,
    webhookSecrets,
    ...(publicUrl ? { publicUrl } : {}),
  };
  return [
    {
      title: "session store",
      look: async () => {
        const sslMode = Deno.env.get("PGSSLMODE");
        const plain = findPlainText(config.sessionStore, sslMode);
        const found = await diagnoseStore(createStore(config, quiet));
        return plain === undefined ? [found] : [found, plain];
      },
    },
    { title: "port", look: async () => [await checkPort(config)] },
    {
      title: MODELS,
      look: async (signal) => {
        const { tools } = await import("../../agent/mod.ts");
        const context = { toolCount: tools.length, signal };
        return await diagnoseProviders(config, context);
      },
    },
    {
      title: "layercode",
      look: (signal) => diagnoseLayercode(platform, signal),
    },
    {
      title: "chat completions",
      look: (signal) =>
        diagnoseOpenAi({
          ...config.openai,
          url: publicUrl ?? new URL(`http://127.0.0.1:${config.port}`),
          isPublic: publicUrl !== undefined,
        }, signal),
    },
    {
      title: "public URL",
      look: (signal) => checkTurn(config, publicUrl, signal),
      // A turn: a model may take as long as it is given.
      timeoutMs: 30_000,
    },
  ];
}

async function checkTurn(
  { webhookSecrets, dataDir }: Config,
  publicUrl: URL | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const title = "public URL";
  if (publicUrl === undefined) {
    const detail = "--url https://… sends a turn through your tunnel";
    return [{ status: "skipped", title, detail }];
  }
  const secret = webhookSecrets[0] ?? await readKeptSecret(dataDir);
  if (secret !== undefined) {
    return await checkPublicUrl(publicUrl, secret, signal);
  }
  return [{
    status: "fail",
    title,
    detail: "no turn was sent: there is no webhook secret to sign it with",
    fix:
      "start the server once (deno task start), or set LAYERCODE_WEBHOOK_SECRET",
  }];
}

/** Makes checks all at once, and tells what each found in the order of the list. */
export async function* runChecks(
  checks: readonly Check[],
): AsyncGenerator<[title: string, Finding[]], void> {
  const runs = checks.map((check) => runCheck(check));
  for (const run of runs) yield await run;
}

const TIMEOUT_MS = 6_000;

/** A part that can't even tell what is wrong with it must not end the others. */
async function runCheck(
  { title, look, timeoutMs = TIMEOUT_MS }: Check,
): Promise<[string, Finding[]]> {
  try {
    return [title, await look(AbortSignal.timeout(timeoutMs))];
  } catch (error) {
    const detail = `can't be looked at: ${explain(error)}`;
    return [title, [{ status: "fail", title, detail }]];
  }
}
