/**
 * Takes secrets out of what `doctor` prints: the messages of others that it
 * shows may hold them. No list of secrets is kept, which a new one would
 * escape: a value is taken for a secret by its variable's name, or since a
 * vendor's declaration doesn't say that it may be seen.
 *
 * @module
 */
import { PROVIDERS, vendorSettings } from "../../providers/mod.ts";
import type { Finding } from "../../settings/finding.ts";

/** Variables that hold a secret, as programs of all kinds call theirs. `CONTEXT_TOKENS` is none. */
const SECRET_NAME = /(KEYS?|TOKEN|SECRETS?|PASS|PASSWORDS?|CREDENTIALS?)$/i;

/** What is shorter is part of ordinary words. */
const SHORTEST_SECRET = 4;

/** Finds every value in an environment that must not be shown. */
export function findSecretValues(
  env: Record<string, string | undefined>,
): string[] {
  const hidden = hiddenSettings();
  return Object.entries(env).flatMap(([name, value = ""]) =>
    SECRET_NAME.test(name) || hidden.has(name)
      ? [value.trim(), ...value.split(",").map((part) => part.trim())]
      : passwordsIn(value)
  );
}

/** The vendors' settings that aren't declared as fit to be seen. */
function hiddenSettings(): Set<string> {
  return new Set(
    vendorSettings()
      .filter((setting) => !(setting.isPublic ?? setting.default !== undefined))
      .map(({ env }) => env),
  );
}

/** The password of an address, as it is written there and as it is meant. */
export function passwordsIn(text: string): string[] {
  // Some variables hold an address without its `http://`.
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
): (finding: Finding) => Finding {
  const known = [...new Set(secrets)]
    // `OPENAI_API_KEY=ollama` is no secret, and the word is needed.
    .filter((it) => it.length >= SHORTEST_SECRET && !(it in PROVIDERS))
    // A secret may hold a shorter one.
    .sort((a, b) => b.length - a.length);
  const redact = (text: string) =>
    known.reduce((rest, secret) => rest.replaceAll(secret, "[secret]"), text);
  return ({ detail, fix, ...rest }) => ({
    ...rest,
    detail: redact(detail),
    ...(fix === undefined ? {} : { fix: redact(fix) }),
  });
}
