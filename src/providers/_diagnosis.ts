/**
 * What the vendors' diagnoses share: one question over HTTP, and findings.
 *
 * @module
 */
import { explain } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";

/** An answer, read whole. */
export interface Reply {
  /** HTTP status. */
  status: number;
  /** The body. */
  text: string;
  /** The body as JSON; an empty object where it is none. */
  // deno-lint-ignore no-explicit-any -- a stranger's JSON: each field is checked where it is used
  json: any;
}

/**
 * Asks. Redirects aren't followed: they would carry a key elsewhere.
 *
 * @throws {TypeError} when nobody can be reached
 */
export async function ask(url: string, init: RequestInit): Promise<Reply> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const text = await response.text();
  const { status } = response;
  try {
    return { status, text, json: JSON.parse(text) ?? {} };
  } catch {
    return { status, text, json: {} };
  }
}

/** What an error's body says, whichever server wrote it; the start of a page as it is. */
export function readError(body: string): string {
  try {
    const json = JSON.parse(body);
    const error = (Array.isArray(json) ? json[0] : json).error ?? json;
    const { message = error, code, param } = error;
    return [message, code, param].filter((it) => typeof it === "string")
      .join(" ").slice(0, MAX_LETTERS);
  } catch {
    return body.slice(0, MAX_LETTERS);
  }
}

/** A log needs no whole pages. */
const MAX_LETTERS = 500;

/** Makes findings of one title. */
export interface Findings {
  /** It works. */
  ok(detail: string): Finding;
  /** It works, but isn't wise. */
  warn(detail: string, fix: string): Finding;
  /** It has to be fixed. */
  fail(detail: string, fix: string): Finding;
  /** Nobody can be reached at this address. */
  unreachable(url: string, error: unknown, fix: string): Finding;
}

/** Makes what makes findings of this title. */
export function findings(title: string): Findings {
  return {
    ok: (detail) => ({ status: "ok", title, detail }),
    warn: (detail, fix) => ({ status: "warn", title, detail, fix }),
    fail: (detail, fix) => ({ status: "fail", title, detail, fix }),
    unreachable(url, error, fix) {
      const why = whyUnreachable(error);
      const detail = `cannot reach ${withoutPassword(url)}: ${why}`;
      return { status: "fail", title, detail, fix };
    },
  };
}

/** An address as it may be shown. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  url.username = "";
  url.password = "";
  return url.href.replace(/\/$/, "");
}

/** Says why somebody could not be reached; Deno's words differ from version to version. */
export function whyUnreachable(error: unknown): string {
  if (error instanceof DOMException) return "no answer in time";
  const text = explain(error);
  return REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? text;
}

const REASONS: [RegExp, string][] = [
  [
    /dns error|failed to lookup|name or service not known/i,
    "its name is not known (DNS)",
  ],
  [/connection refused|os error (111|61|10061)\b/i, "nothing listens there"],
  [
    /certificate|tls|handshake|corrupt message/i,
    "it speaks no TLS (https), or with a certificate that can't be trusted",
  ],
];
