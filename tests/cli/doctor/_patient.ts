/**
 * What the doctor's tests share: settings of an environment, a check run by
 * itself, and a server on loopback that plays whoever is asked.
 *
 * @module
 */
import { readConfig } from "../../../src/settings/config.ts";
import type { Check, Patient, Result } from "../../../src/cli/doctor/result.ts";

/** Where nothing listens. Not port 9, which `fetch` refuses to ask. */
export function deadUrl(): string {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return `http://127.0.0.1:${port}`;
}

/** What there is to look at, with these settings. Nothing of it is on the network. */
export function patient(
  env: Record<string, string> = {},
  more: Partial<Patient> = {},
): Patient {
  const nowhere = deadUrl();
  const config = readConfig({
    PORT: "0",
    OLLAMA_HOST: nowhere,
    GEMINI_BASE_URL: nowhere,
    LAYERCODE_API_URL: nowhere,
    ...env,
  });
  return { config, version: "0.1.0", now: Date.now, ...more };
}

/** Runs a check. */
export function look(check: Check, of: Patient): Promise<Result[]> {
  return check(of, AbortSignal.timeout(20_000));
}

/** A finding in one line: `fail port: 3000 is taken → set PORT`. */
export function toLines(results: Result[]): string[] {
  return results.map(({ status, title, detail, mend }) =>
    `${status} ${title}: ${detail}${mend === undefined ? "" : ` → ${mend}`}`
  );
}

/** A server on loopback. */
export interface Stage extends AsyncDisposable {
  /** Its address, without a slash at the end. */
  url: string;
  /** Its port. */
  port: string;
}

/** Serves on a free port. */
export function serveOn(
  handler: (request: Request) => Response | Promise<Response>,
): Stage {
  // Aborted, not shut down: what a client keeps open must not hold up a test.
  const over = new AbortController();
  const { signal } = over;
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", signal, onListen() {} },
    handler,
  );
  const port = String(server.addr.port);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      over.abort();
      await server.finished;
    },
  };
}

/** Runs a test in a folder of its own. */
export async function inFolder(
  body: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
