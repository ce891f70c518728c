/**
 * What the checks share that ask over the network: a question that carries no
 * redirects, and what a failure to reach somebody means.
 *
 * @module
 */
import { explain } from "../../server/log.ts";

/** An answer, read whole. */
export interface Reply {
  /** HTTP status. */
  status: number;
  /** The headers. */
  headers: Headers;
  /** The body's first 64 KiB. */
  text: string;
  /** The body as JSON; an empty object where it is none. */
  json: Record<string, unknown>;
}

/** The most of a body that is read. */
const MAX_BYTES = 65_536;

/**
 * Asks and reads the answer. Redirects aren't followed: they would carry keys
 * elsewhere, and hide what is to be found out.
 *
 * @throws {TypeError} when nobody can be reached
 */
export async function ask(
  url: string | URL,
  init: RequestInit & { signal: AbortSignal },
): Promise<Reply> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const text = await readStart(response);
  const { status, headers } = response;
  return { status, headers, text, json: toObject(text) };
}

/** The beginning of a body; whoever answers may go on for ever. */
export async function readStart(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length >= MAX_BYTES) break;
  }
  return text;
}

/** A text as JSON; an empty object where it is none. */
export function toObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Then it tells nothing.
  }
  return {};
}

/** Why somebody could not be reached, for a person. */
export function whyUnreachable(error: unknown): string {
  if (isTimeout(error)) return "no answer in time";
  const text = explain(error);
  const found = REASONS.find(([pattern]) => pattern.test(text));
  return found ? found[1] : text;
}

/** Whether somebody's time was up. */
export function isTimeout(error: unknown): boolean {
  return error instanceof DOMException &&
    (error.name === "TimeoutError" || error.name === "AbortError");
}

/** Deno's words, which differ from version to version, and ours. */
const REASONS: [RegExp, string][] = [
  [
    /dns error|failed to lookup|name or service not known/i,
    "its name is not known (DNS)",
  ],
  [/connection refused|os error (111|61|10061)\b/i, "nothing listens there"],
  [
    /certificate|tls|handshake|corrupt message|unexpected ?eof.*https/i,
    "it speaks no TLS (https), or with a certificate that can't be trusted",
  ],
  [/port \d+ (is|are) blocked/i, "fetch refuses this port, as browsers do"],
  [/unreachable|no route/i, "there is no way through the network to it"],
  [
    /reset|closed|incomplete|eof/i,
    "the connection was closed without an answer",
  ],
];

/** An address as it may be shown: without user and password. */
export function shown(address: string | URL): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/$/, "");
}

/** Whether a value is what examples put where a secret belongs. */
export function looksLikeExample(value: string): boolean {
  return /^(your|my|change|replace|insert|example|placeholder|todo|secret$|x{3}|\.{3}|…|<)/i
    .test(value);
}
