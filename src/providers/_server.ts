/**
 * What is the same with every vendor's server: how it is asked, and what
 * becomes of its refusals. A vendor whose SDK makes the request gives that SDK
 * a `fetch` which asks here.
 *
 * @module
 */
import { ProviderError } from "./provider.ts";

/** A vendor's server, and what its refusals mean. */
export interface Server {
  /** The vendor, as `LLM_PROVIDER` spells it. */
  readonly provider: string;
  /** What errors call it. Default: its address alone. */
  readonly name?: string;
  /** Its address, which all paths follow. */
  readonly url: string;
  /** What each of our own requests carries, such as the key. */
  readonly headers?: Record<string, string>;
  /** The variable that holds its address. */
  readonly addressEnv: string;
  /** What an owner can do where nobody is reached. */
  readonly unreachable: string;
  /** What a question goes to, such as `Gemini model "x"`. */
  asked(): string;
  /** What a refusal means; nothing where its status says all that is known. */
  explain(status: number, body: string): Refusal | undefined;
}

/** A server's address as it may be shown. */
export function placeOf({ url }: Pick<Server, "url">): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  return shown.href.replace(/\/$/, "");
}

function titleOf(server: Server): string {
  const { name } = server;
  return name === undefined ? placeOf(server) : `${name} at ${placeOf(server)}`;
}

/** Why a server refuses. */
export interface Refusal {
  /** What is wrong. */
  what: string;
  /** What an owner can do. */
  fix: string;
  /** Whether the same question may be answered later. Default: by its status. */
  retryable?: boolean;
  /** When to ask again at the earliest, in milliseconds, where the body says so. */
  retryAfterMs?: number | undefined;
}

/** A refusal, with what a diagnosis says of it. Its cause is the server's own words. */
export class RefusalError extends ProviderError {
  /** @param refusal why, and what to do about it */
  constructor(
    { provider, asked }: Server,
    status: number,
    readonly refusal: Refusal,
    cause: string | undefined,
  ) {
    const { what, fix, retryAfterMs } = refusal;
    const retryable = refusal.retryable ?? isRetryableStatus(status);
    const options = { provider, status, retryable, retryAfterMs, cause };
    super(`Cannot ask ${asked()}: ${what}; ${fix}`, options);
  }
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
  const { provider } = server;
  let response: Response;
  let body: string;
  try {
    response = await fetch(url, { ...question, redirect: "manual" });
    if (response.ok) return response;
    body = await response.text();
  } catch (cause) {
    const message = `Cannot reach ${titleOf(server)}`;
    throw new ProviderError(message, { provider, retryable: true, cause });
  }
  const { status, headers } = response;
  const refusal = explainStatus(server, status, body);
  refusal.retryAfterMs ??= readRetryAfter(headers);
  throw new RefusalError(server, status, refusal, readError(body));
}

/** Asks for a path, or posts JSON to it. */
export function requestPath(
  server: Server,
  path: string,
  signal: AbortSignal,
  body?: object,
): Promise<Response> {
  const { url, headers = {} } = server;
  const posted = body && { method: "POST", body: JSON.stringify(body) };
  return request(server, `${url}${path}`, { headers, signal, ...posted });
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

/** What was thrown while an answer was read, as an error of ours. */
export function toReadError(server: Server, cause: unknown): ProviderError {
  if (cause instanceof ProviderError) return cause;
  const message = `Cannot read the answer of ${titleOf(server)}`;
  const { provider } = server;
  return new ProviderError(message, { provider, retryable: true, cause });
}

/** What a status that isn't good means. */
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
    fix: status >= 500 ? "try again later" : `check ${addressEnv}`,
  };
}

/** What an error's body says, whichever server wrote it; nothing of a web page. */
function readError(body: string): string | undefined {
  let words = /^\s*</.test(body) ? "" : body;
  try {
    const json = JSON.parse(body);
    const error = (Array.isArray(json) ? json[0] : json).error ?? json;
    const { message = error, code, param } = error;
    words = [message, code, param].filter((it) => typeof it === "string")
      .join(" ");
  } catch {
    // Not every server writes JSON.
  }
  return words.slice(0, MAX_LETTERS) || undefined;
}

/** A log needs no whole pages. */
const MAX_LETTERS = 500;

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

/** Whether a failure with this HTTP status may pass by itself. */
function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/** When a server wants to be asked again: in seconds or as a date (RFC 9110, 10.2.3), or as OpenAI says it. */
function readRetryAfter(headers: Headers): number | undefined {
  const ms = Number(headers.get("retry-after-ms"));
  if (ms > 0) return ms;
  const text = headers.get("retry-after") ?? "";
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const dateMs = Date.parse(text) - Date.now();
  return Number.isNaN(dateMs) ? undefined : Math.max(dateMs, 0);
}
