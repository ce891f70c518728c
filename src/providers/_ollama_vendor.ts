/**
 * Ollama's settings, how a provider is made of them, and how Ollama is found
 * where nobody names it.
 *
 * Wire: https://docs.ollama.com/api
 *
 * @module
 */
import { createOllama, toOllamaUrl } from "./ollama.ts";
import type { Defaulted, Setting } from "../settings/setting.ts";
import type { Vendor } from "./vendor.ts";

/** Ollama, on the owner's own machine. */
export const ollama: Vendor<{
  host: Defaulted;
  model: Setting;
  keepAlive: Defaulted;
}> = {
  settings: {
    host: {
      env: "OLLAMA_HOST",
      default: "http://127.0.0.1:11434",
      selects: true,
      parse: toOllamaUrl,
      expected: "an address such as http://127.0.0.1:11434",
    },
    model: { env: "OLLAMA_MODEL", selects: true, secret: false },
    keepAlive: {
      env: "OLLAMA_KEEP_ALIVE",
      default: "30m",
      parse: toDuration,
      expected: "a time such as 30m or 2h, or -1 for good",
    },
  },
  create: (values, context) => createOllama({ ...values, ...context }),
  async find({ host }, signal) {
    try {
      const response = await fetch(`${host}/api/version`, { signal });
      await response.body?.cancel();
      return response.ok ? `it answers at ${host}` : undefined;
    } catch {
      // Not there, which is an answer too.
      return undefined;
    }
  },
};

/** @throws {SyntaxError} when it is no time that Ollama understands */
function toDuration(text: string): string {
  if (/^(-?\d+|-?(\d+(\.\d+)?(ms|s|m|h))+)$/.test(text)) return text;
  throw new SyntaxError(`Not a time: ${text}`);
}
