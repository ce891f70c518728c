/**
 * Removes secrets from what `doctor` prints, since error messages of other
 * servers may hold them. The settings' declarations say which values are secret;
 * in the other values, the passwords of URLs are.
 *
 * @module
 */
import { unescape } from "node:querystring";
import { PROVIDERS } from "../../providers/mod.ts";
import { SETTINGS } from "../../settings/config.ts";
import { isSecret } from "../../settings/setting.ts";
import type { CheckResult } from "../../settings/check_result.ts";

/** A shorter secret may be part of ordinary words. */
const SHORTEST_SECRET = 4;

/** Finds every value in the settings that must not be shown. */
export function findSecretValues(
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  return SETTINGS.flatMap((setting) => {
    const value = env[setting.env] ?? "";
    return isSecret(setting)
      ? [value, ...value.split(",")].map((part) => part.trim())
      : passwordsIn(value);
  });
}

/** Returns the password in a URL, both as it is written and decoded. */
export function passwordsIn(text: string): string[] {
  // Some settings allow an address without `http://`.
  const url = URL.parse(text.includes("://") ? text : `http://${text}`);
  return url === null ? [] : [url.password, unescape(url.password)];
}

/** Creates the function that removes secrets from a result. */
export function createRedact(
  secrets: readonly string[],
): (result: CheckResult) => CheckResult {
  const known = secrets
    // `OPENAI_API_KEY=ollama` is not a secret, and the name must stay readable.
    .filter((it) => it.length >= SHORTEST_SECRET && !(it in PROVIDERS))
    // The longest come first, since a secret may contain a shorter one.
    .sort((a, b) => b.length - a.length);
  const redact = (text: string) =>
    known.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return (result) => ({
    ...result,
    detail: redact(result.detail),
    fix: result.fix && redact(result.fix),
  });
}
