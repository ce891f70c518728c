/**
 * Gemini's settings, and how a provider is made of them.
 *
 * @module
 */
import { toHttpUrl } from "../settings/kinds.ts";
import type { Log } from "../server/log.ts";
import { findEnd } from "./_gemini_wire.ts";
import { createGemini, DEFAULT_GEMINI_MODEL } from "./gemini.ts";
import type { Defaulted, Needed } from "../settings/setting.ts";
import type { Vendor } from "./vendor.ts";

/** Google Gemini. */
export const gemini: Vendor<{
  apiKey: Needed;
  model: Defaulted;
  baseUrl: Defaulted;
}> = {
  settings: {
    apiKey: {
      env: "GOOGLE_GENERATIVE_AI_API_KEY",
      needed: "get a key at https://aistudio.google.com/apikey",
      selects: true,
      parse: toKey,
      expected:
        "a key as https://aistudio.google.com/apikey shows it, without " +
        "white space or letters that no key has",
    },
    model: { env: "GEMINI_MODEL", default: DEFAULT_GEMINI_MODEL },
    baseUrl: {
      env: "GEMINI_BASE_URL",
      default: "https://generativelanguage.googleapis.com",
      parse: toHttpUrl,
      expected: "an address such as https://generativelanguage.googleapis.com",
    },
  },
  create(values, { thinking, log }) {
    warnOfEnd(values.model, log);
    return createGemini({ ...values, thinking });
  },
};

/** @throws {TypeError} when it can't be sent as a header, as no key is made */
function toKey(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text)) return text;
  throw new TypeError("Not a key");
}

function warnOfEnd(model: string, log: Log): void {
  const end = findEnd(model);
  if (end === undefined) return;
  log.warn("provider.model_ends", {
    message: `Gemini model "${model}" ${end}: set GEMINI_MODEL to a current ` +
      `one, such as ${DEFAULT_GEMINI_MODEL}`,
  });
}
