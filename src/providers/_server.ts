/**
 * What is the same with every vendor's server: how it is asked, and what
 * becomes of its refusals.
 *
 * @module
 */
import { explain } from "../server/log.ts";
import { ProviderError, type ProviderErrorOptions } from "./provider.ts";

/** A vendor's server, and what its refusals mean. */
export interface Server {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  readonly provider: string;
  /** Its address, which all paths follow. */
  readonly url: string;
  /** What each of our own requests carries, such as the key. */
  readonly headers?: Record<string, string>;
  /** The variable that holds its address. */
  readonly addressEnv: string;
  /** What an owner can do where nobody is reached. */
  readonly unreachable: string;
  /** What a refusal means; nothing where its status says all that is known. */
  explain(status: number, body: string): Refusal | undefined;
}

/** What is wrong, and what an owner can do about it. */
export interface Problem {
  /** What is wrong. */
  what: string;
  /** What an owner can do. */
  fix: string;
}

/** Why a server refuses. */
export interface Refusal extends Problem {
  /** Whether the same question may be answered later. Default: by its status. */
  retryable?: boolean;
  /** When to ask again at the earliest, in milliseconds, where the body says so. */
  retryAfterMs?: number | undefined;
}

/** A failure that an owner can fix. The cause of a refusal is the server's own words. */
export class ServerError extends ProviderError {
  /** @param problem what the log and `doctor` say of it */
  constructor(readonly problem: Problem, options: ProviderErrorOptions) {
    const { what, fix } = problem;
    super(`Cannot ask ${options.provider}: ${what}; ${fix}`, options);
  }

  /** What is wrong, with the server's own words. */
  get detail(): string {
    const { problem: { what }, cause } = this;
    return typeof cause === "string" ? `${what}: ${cause}` : what;
  }
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
 * @throws {ServerError} when nobody is reached, or the status isn't good
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
    body = await response.text();
  } catch (cause) {
    const { provider, unreachable: fix } = server;
    const what = `cannot reach ${placeOf(server)}: ${whyUnreachable(cause)}`;
    const options = { provider, retryable: true, cause };
    throw new ServerError({ what, fix }, options);
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
  const url = `${server.url}${path}`;
  const { headers = {} } = server;
  if (body === undefined) return request(server, url, { headers, signal });
  return request(server, url, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal,
  });
}

/**
 * Asks, and reads the answer whole, of which each field is to be checked: a
 * stranger may have sent it. It has none where it is no JSON.
 */
export async function requestJson<Body extends object>(
  ...question: Parameters<typeof requestPath>
): Promise<Partial<Body>> {
  const response = await requestPath(...question);
  try {
    return await response.json() ?? {};
  } catch {
    return {};
  }
}

/** A `fetch` as an SDK calls it. */
export type Fetch = typeof globalThis.fetch;

/**
 * Has a vendor's SDK put the question on its wire, and takes the response from
 * under it: an SDK's own reader costs several promises a word, and goes on
 * downloading when the caller has left. The SDK waits for its response for
 * ever, and is collected as garbage.
 *
 * @param ask calls the SDK, which is to use this `fetch`
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
  cause: string | undefined,
): ProviderError {
  const shown = status === undefined ? "" : `: status ${status}`;
  return new ProviderError(`The server failed in mid-answer${shown}`, {
    provider,
    status,
    retryable: status === undefined || isRetryableStatus(status),
    cause,
  });
}

function toRefusal(
  server: Server,
  { status, headers }: Response,
  body: string,
): ServerError {
  const { provider } = server;
  const refusal = explainStatus(server, status, body);
  const { retryable = isRetryableStatus(status) } = refusal;
  const { retryAfterMs = readRetryAfter(headers) } = refusal;
  const cause = readError(body);
  const options = { provider, status, retryable, retryAfterMs, cause };
  return new ServerError(refusal, options);
}

function explainStatus(server: Server, status: number, body: string): Refusal {
  const { addressEnv } = server;
  if (status >= 300 && status < 400) {
    const what =
      `it redirects to another address (status ${status}), which could carry ` +
      "a key elsewhere and is not followed";
    return { what, fix: `set ${addressEnv} to the address that answers` };
  }
  return server.explain(status, body) ?? {
    what: `it answered with status ${status}`,
    fix: status >= 500
      ? "try again later, or look at its own log"
      : `check ${addressEnv} and the model`,
  };
}

/** What an error's body says, whichever server wrote it; nothing of a web page. */
function readError(body: string): string | undefined {
  let words = /^\s*</.test(body) ? "" : body;
  try {
    const json = JSON.parse(body);
    const error = (Array.isArray(json) ? json[0] : json).error ?? json;
    words = `${error.message ?? error}`;
  } catch {
    // Not every server writes JSON.
  }
  // A log needs no whole pages.
  return words.slice(0, 500) || undefined;
}

/** Whether a failure with this HTTP status may pass by itself. */
function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** When a server wants to be asked again: in seconds, or as OpenAI says it. */
function readRetryAfter(headers: Headers): number | undefined {
  const ms = Number(headers.get("retry-after-ms")) ||
    Number(headers.get("retry-after")) * 1000;
  return ms > 0 ? ms : undefined;
}

/** Says why somebody could not be reached; Deno's words differ from version to version. */
function whyUnreachable(error: unknown): string {
  if (error instanceof DOMException) return "no answer in time";
  const text = explain(error);
  if (/dns error|failed to lookup|name or service not known/i.test(text)) {
    return "its name is not known (DNS)";
  }
  return /connection refused|os error (111|61|10061)\b/i.test(text)
    ? "nothing listens there"
    : text;
}
