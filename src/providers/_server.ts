/**
 * Sends requests to a vendor's server, and turns failures into
 * {@linkcode ProviderError}.
 *
 * @module
 */
import type { Settings } from "../settings/setting.ts";
import { ProviderError } from "./provider.ts";

/** A vendor's server, and what its errors should tell an owner. */
export interface Server {
  readonly provider: string;
  readonly url: string;
  /** Headers of every request, such as the key. */
  readonly headers?: Record<string, string>;
  /** The settings that an owner should check when the server refuses a request. */
  readonly settings: Settings;
  readonly addressEnv: string;
  /** What an owner can do when the server can't be reached. */
  readonly unreachable: string;
  /** Explains an error status, where the server's own message doesn't. */
  explain?(
    status: number,
    body: string,
  ): { what: string; fix: string; missingModel?: string } | undefined;
}

/** Returns the server's address without credentials, for messages. */
export function toDisplayUrl({ url }: Pick<Server, "url">): string {
  return url.replace(/\/\/[^/]*@/, "//");
}

/** Sends a request. Redirects are not followed: they could carry a key to another host. */
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
    body = withoutKeys(await readBodyText(response, MAX_REFUSAL_BYTES), server);
  } catch (cause) {
    const { provider, unreachable: fix } = server;
    const message = `Cannot reach ${provider} at ${toDisplayUrl(server)}`;
    throw new ProviderError(message, { provider, retryable: true, fix, cause });
  }
  throw toRefusal(server, response, body);
}

/** Gets a path, or posts JSON to it. */
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

/** Sends a request and parses the whole response, of which any field may be missing. */
export async function requestJson<Body extends object>(
  ...question: Parameters<typeof requestPath>
): Promise<Partial<Body>> {
  const [server] = question;
  const response = await requestPath(...question);
  try {
    return JSON.parse(await readBodyText(response));
  } catch (cause) {
    throw toReadError(server, cause);
  }
}

/** The most bytes read of a body: more than any vendor sends, but a bound on endless and decompressed bodies. */
export const MAX_BODY_BYTES = 33_554_432;

/** The most bytes read of an error's body. */
const MAX_REFUSAL_BYTES = 65_536;

/** Reads a body as text, and cuts it past `maxBytes`. */
export async function readBodyText(
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

/** Removes the keys, since some servers repeat a refused key: it must not reach the log. */
function withoutKeys(text: string, { headers = {} }: Server): string {
  const keys = Object.values(headers).map((it) => it.replace(/^Bearer /, ""));
  return keys.reduce((rest, key) => rest.replaceAll(key, "[key]"), text);
}

/** A `fetch` as an SDK calls it. */
export type Fetch = typeof globalThis.fetch;

/**
 * Lets a vendor's SDK build the request, and reads the response without it: an
 * SDK's own reader costs several promises a word, and goes on downloading when
 * the caller has left. The SDK's call never settles and is garbage-collected.
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

/** Makes the error for whatever was thrown while an answer was read. */
export function toReadError(server: Server, cause: unknown): ProviderError {
  if (cause instanceof ProviderError) return cause;
  const { provider } = server;
  const url = toDisplayUrl(server);
  const message = `Cannot read the answer of ${provider} at ${url}`;
  return new ProviderError(message, { provider, retryable: true, cause });
}

/** Makes the error for a failure that the server reports within an answer of status 200. */
export function toStreamError(
  provider: string,
  status: number | undefined,
  reason: unknown,
): ProviderError {
  const cause = shorten(reason ?? "") || undefined;
  return new ProviderError(
    `${provider} failed in mid-answer (status ${status ?? "unknown"})`,
    { provider, status, retryable: isTransient(status ?? 500), cause },
  );
}

function toRefusal(
  server: Server,
  { status, headers }: Response,
  body: string,
): ProviderError {
  const { provider, settings, addressEnv } = server;
  // OpenAI also sends 429 for an account without credit.
  const retryable = isTransient(status) && !body.includes("insufficient_quota");
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

/** Finds the message in an error's body, of any server. `undefined` for a web page. */
function readError(body: string): string | undefined {
  let text = /^\s*</.test(body) ? "" : body;
  try {
    const { error, message } = JSON.parse(body);
    const reason = error?.message ?? error ?? message;
    if (typeof reason === "string") text = reason;
  } catch {
    // Not every server writes JSON.
  }
  return shorten(text) || undefined;
}

/** Cuts a vendor's message to a length for the log. */
export function shorten(text: unknown): string {
  return String(text).slice(0, 500);
}

function isTransient(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** Reads after how many milliseconds to try again: from the header, or from the body of Gemini. */
function readRetryAfter(headers: Headers, body: string): number | undefined {
  const [, delay] = /"retryDelay":\s*"([\d.]+)s"/.exec(body) ?? [];
  const seconds = Number(delay ?? headers.get("retry-after"));
  return seconds > 0 ? seconds * 1000 : undefined;
}
