/**
 * What the vendors' diagnoses share.
 *
 * @module
 */
import { explain } from "../server/log.ts";
import type { Finding } from "../settings/finding.ts";
import { ProviderError } from "./provider.ts";
import { placeOf, RefusalError, type Server } from "./_server.ts";

/** Makes findings of one title. */
export interface Findings {
  /** It works. */
  ok(detail: string): Finding;
  /** It works, but isn't wise. */
  warn(detail: string, fix: string): Finding;
  /** It has to be fixed. */
  fail(detail: string, fix: string): Finding;
}

/** Makes what makes findings of this title. */
export function findings(title: string): Findings {
  return {
    ok: (detail) => ({ status: "ok", title, detail }),
    warn: (detail, fix) => ({ status: "warn", title, detail, fix }),
    fail: (detail, fix) => ({ status: "fail", title, detail, fix }),
  };
}

/** What is wrong with a server that couldn't be asked: nobody is there, or it refuses. */
export function toFinding(server: Server, error: unknown): Finding {
  const { fail } = findings(server.provider);
  if (error instanceof RefusalError) {
    const { refusal: { what, fix }, cause } = error;
    return fail(cause === undefined ? what : `${what}: ${cause}`, fix);
  }
  const why = whyUnreachable(
    error instanceof ProviderError ? error.cause : error,
  );
  return fail(`cannot reach ${placeOf(server)}: ${why}`, server.unreachable);
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
