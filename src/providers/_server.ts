/**
 * What is the same with every vendor's server: how it is asked, and what
 * becomes of its refusals.
 *
 * @module
 */
import type { Settings } from "../settings/setting.ts";
import { ProviderError } from "./provider.ts";

/** A vendor's server. */
export interface Server {
  readonly provider: string;
  readonly url: string;
  /** What each of our own requests carries, such as the key. */
  readonly headers?: Record<string, string>;
  /** Its settings: what an owner can look at when it refuses. */
  readonly settings: Settings;
  readonly addressEnv: string;
  /** What to do where nobody is reached. */
  readonly unreachable: string;
  /** What a refusal means, where the server's own words don't say it. */
  explain?(
    status: number,
    body: string,
  ): { what: string; fix: string; missingModel?: string } | undefined;
}

/** A server's address as it may be shown. */
export function placeOf({ url }: Pick<Server, "url">): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  return shown.href.replace(/\/$/, "");
}

/**
 * Asks. A redirect isn't followed: it could carry a key to another host.
 *
 * @throws {ProviderError} when nobody is reached, or the status isn't good
 */
export async function request(
  server: Server,
  url: string | URL | Request,
  question: RequestInit & { signal: AbortSignal },
): Promise<Response> {
  let response: Response;
  let body: string;
  try {
    response = await fetch(url, { ...question, redirect: "manual" });
    if (response.ok) return response;
    body = withoutKeys(await readText(response, MAX_REFUSAL_BYTES), server);
  } catch (cause) {
    const { provider, unreachable: fix } = server;
    const message = `Cannot reach ${provider} at ${placeOf(server)}`;
    throw new ProviderError(message, { provider, retryable: true, fix, cause });
  }
  throw toRefusal(server, response, body);
}

/** Asks for a path, or posts JSON to it. */
export function requestPath(
  server: Server,
  path: string,
  signal: AbortSignal,
  body?: object,
): Promise<Response> {
  const isPosted = body !== undefined;
  return request(server, `${server.url}${path}`, {
    method: isPosted ? "POST" : "GET",
    headers: { ...server.headers, "content-type": "application/json" },
    body: isPosted ? JSON.stringify(body) : null,
    signal,
  });
}

/** Asks, and reads the answer whole. A stranger may have sent it: any field may be missing. */
export async function requestJson<Body extends object>(
  ...question: Parameters<typeof requestPath>
): Promise<Partial<Body>> {
  const [server] = question;
  const response = await requestPath(...question);
  try {
    return JSON.parse(await readText(response));
  } catch (cause) {
    throw toReadError(server, cause);
  }
}

/** More than any vendor says at once; a body that never ends, or is unpacked into gigabytes, ends here. */
export const MAX_BODY_BYTES = 33_554_432;

/** Far more than a refusal needs. */
const MAX_REFUSAL_BYTES = 65_536;

/** Reads a body, as far as there is room for it. */
export async function readText(
  { body }: Response,
  maxBytes = MAX_BODY_BYTES,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for await (const piece of body ?? []) {
    text += decoder.decode(piece, { stream: true });
    bytes += piece.length;
    if (bytes > maxBytes) break;
  }
  return text + decoder.decode();
}

/** Some servers repeat a key that they refuse; it has no place in the log. */
function withoutKeys(text: string, { headers = {} }: Server): string {
  const keys = Object.values(headers).map((it) => it.replace(/^Bearer /, ""));
  return keys.reduce((rest, key) => rest.replaceAll(key, "[key]"), text);
}

/** A `fetch` as an SDK calls it. */
export type Fetch = typeof globalThis.fetch;

/**
 * Has a vendor's SDK put the question on its wire, and takes the response from
 * under it: an SDK's own reader costs several promises a word, and goes on
 * downloading when the caller has left. The SDK waits for its response for
 * ever, and is collected as garbage.
 */
export function requestBySdk(
  server: Server,
  signal: AbortSignal,
  ask: (fetch: Fetch) => Promise<unknown>,
): Promise<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  ask((url, init) => {
    resolve(request(server, url, { ...init, signal }));
    return new Promise(() => {});
  }).catch(reject);
  return promise;
}

/** What was thrown while an answer was read, as an error of ours. */
export function toReadError(server: Server, cause: unknown): ProviderError {
  if (cause instanceof ProviderError) return cause;
  const { provider } = server;
  const message = `Cannot read the answer of ${provider} at ${placeOf(server)}`;
  return new ProviderError(message, { provider, retryable: true, cause });
}

/** An error that a server sends in the middle of an answer whose status was 200. */
export function toStreamError(
  provider: string,
  status: number | undefined,
  words: unknown,
): ProviderError {
  const cause = toWords(words ?? "") || undefined;
  return new ProviderError(
    `${provider} failed in mid-answer (status ${status ?? "unknown"})`,
    { provider, status, retryable: mayPass(status ?? 500), cause },
  );
}

function toRefusal(
  server: Server,
  { status, headers }: Response,
  body: string,
): ProviderError {
  const { provider, settings, addressEnv } = server;
  // OpenAI says 429 of an account without credit, too.
  const retryable = mayPass(status) && !body.includes("insufficient_quota");
  const variables = Object.values(settings).map(({ env }) => env).join(", ");
  const { what, ...rest } = server.explain?.(status, body) ??
    (status >= 300 && status < 400
      ? {
        what:
          `${provider} redirects to another address (status ${status}), which ` +
          "could carry a key elsewhere and is not followed",
        fix: `set ${addressEnv} to the address that answers`,
      }
      : {
        what: `${provider} answered with status ${status}`,
        fix: retryable ? "try again later" : `check ${variables}`,
        cause: readError(body),
      });
  const retryAfterMs = readRetryAfter(headers, body);
  const options = { provider, status, retryable, retryAfterMs, ...rest };
  return new ProviderError(what, options);
}

/** What an error's body says, whichever server wrote it; nothing of a web page. */
function readError(body: string): string | undefined {
  let words = /^\s*</.test(body) ? "" : body;
  try {
    const { error, message } = JSON.parse(body);
    const said = error?.message ?? error ?? message;
    if (typeof said === "string") words = said;
  } catch {
    // Not every server writes JSON.
  }
  return toWords(words) || undefined;
}

/** As much of a vendor's words on a failure as is told: a log needs no whole pages. */
export function toWords(said: unknown): string {
  return String(said).slice(0, 500);
}

/** Whether a failure with this HTTP status may pass by itself. */
function mayPass(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** When a server wants to be asked again, in seconds; Gemini says it in the body. */
function readRetryAfter(headers: Headers, body: string): number | undefined {
  const [, delay] = /"retryDelay":\s*"([\d.]+)s"/.exec(body) ?? [];
  const seconds = Number(delay ?? headers.get("retry-after"));
  return seconds > 0 ? seconds * 1000 : undefined;
}
