/**
 * Takes secrets out of what `doctor` prints: the messages of others that it
 * shows may hold them. Which values are secret is what the declarations of the
 * settings say; of an address, the password is.
 *
 * @module
 */
import { PROVIDERS } from "../../providers/mod.ts";
import { SETTINGS } from "../../settings/config.ts";
import { isSecret } from "../../settings/setting.ts";
import type { CheckResult } from "../../settings/check_result.ts";

/** What is shorter is part of ordinary words. */
const SHORTEST_SECRET = 4;

/** Finds every value of a setting that must not be shown. */
export function findSecretValues(
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  return SETTINGS.flatMap((setting) => {
    const value = env[setting.env] ?? "";
    return isSecret(setting)
      ? [value.trim(), ...value.split(",").map((part) => part.trim())]
      : passwordsIn(value);
  });
}

/** The password of an address, as it is written there and as it is meant. */
export function passwordsIn(text: string): string[] {
  // Some settings take an address without its `http://`.
  const address = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(address)) return [];
  const { password } = new URL(address);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}

/** Makes what takes these secrets out of a finding. */
export function createRedact(
  secrets: readonly string[],
): (finding: CheckResult) => CheckResult {
  const known = [...new Set(secrets)]
    // `OPENAI_API_KEY=ollama` is no secret, and the word is needed.
    .filter((it) => it.length >= SHORTEST_SECRET && !(it in PROVIDERS))
    // A secret may hold a shorter one.
    .sort((a, b) => b.length - a.length);
  const redact = (text: string) =>
    known.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return (finding) => ({
    ...finding,
    detail: redact(finding.detail),
    fix: finding.fix && redact(finding.fix),
  });
}
