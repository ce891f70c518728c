/**
 * What the tests of diagnoses share: settings from an environment, results as
 * lines, and a server on loopback.
 *
 * @module
 */
import { diagnoseProviders } from "../../src/providers/choice.ts";
import { readConfig } from "../../src/settings/config.ts";
import type { CheckResult } from "../../src/settings/check_result.ts";
import { freePort } from "../fakes/ports.ts";

/** An address where nothing listens. */
export function deadUrl(): string {
  return `http://127.0.0.1:${freePort()}`;
}

/** Settings whose addresses are all on loopback. */
export function settings(env: Record<string, string | undefined> = {}) {
  const nowhere = deadUrl();
  return readConfig({
    OLLAMA_HOST: nowhere,
    GEMINI_BASE_URL: nowhere,
    ...env,
  });
}

/** Runs the diagnosis of the providers. */
export function diagnose(
  env: Record<string, string>,
  config: ReturnType<typeof readConfig> = settings(env),
): Promise<CheckResult[]> {
  const signal = AbortSignal.timeout(20_000);
  return diagnoseProviders(config, { toolCount: 2, signal });
}

/** Writes each result as a line: `fail gemini: the key is wrong → get another`. */
export function toLines(findings: CheckResult[]): string[] {
  return findings.map(({ status, title, detail, fix }) =>
    `${status} ${title}: ${detail}${fix === undefined ? "" : ` → ${fix}`}`
  );
}

/** Diagnoses one vendor, without the line about the choice. */
export async function diagnoseOne(
  env: Record<string, string>,
): Promise<string[]> {
  return toLines(await diagnose(env)).slice(1);
}

/** Serves on a free port. */
export function serveOn(
  handler: (request: Request) => Response | Promise<Response>,
): { url: string } & AsyncDisposable {
  // Aborted, not shut down: a client's open connection must not delay a test.
  const over = new AbortController();
  const { signal } = over;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", signal, onListen() {} },
    handler,
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      over.abort();
      await server.finished;
    },
  };
}
