/**
 * Whether what callers say travels to the store so that whoever is on the way
 * can read it. A warning, no refusal: a network may be the owner's own.
 *
 * @module
 */
import type { Finding } from "../settings/finding.ts";
import type { StoreChoice } from "./mod.ts";

/**
 * What is to be said of it, if anything.
 *
 * @param sslMode what `PGSSLMODE` says
 */
export function findPlainText(
  store: StoreChoice | undefined,
  sslMode: string | undefined,
): Finding | undefined {
  if (store?.type !== "postgres") return undefined;
  const { hostname, searchParams } = new URL(store.url);
  const host = searchParams.get("host") ?? hostname;
  // A path is a socket on this machine.
  if (/^(localhost|127(\.\d+){3}|\[?::1\]?|\/.*)$/.test(host)) return undefined;
  const ssl = searchParams.get("sslmode") ?? searchParams.get("ssl") ??
    sslMode ?? "disable";
  if (!/^(disable|false|0)$/.test(ssl)) return undefined;
  return {
    status: "warn",
    title: "session store",
    detail: `conversations go to ${host} without TLS: whoever is on the way ` +
      "can read them",
    fix: "add ?sslmode=verify-full to the address in SESSION_STORE, or " +
      "?sslmode=require where the server's certificate is its own",
  };
}
