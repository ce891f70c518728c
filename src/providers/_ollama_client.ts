/**
 * Ollama's server, and `npm:ollama` as it is used with it.
 *
 * The SDK has no signal for one request: `abort()` on a client ends every
 * stream of that client and none that still waits for its headers. So each
 * question gets a client of its own whose `fetch` carries the turn's signal.
 *
 * @module
 */
import type { Ollama } from "ollama";
import { toHttpUrl } from "../settings/kinds.ts";
import { type Fetch, lazily } from "./_sdk.ts";
import { placeOf, type Server } from "./_server.ts";

// It takes 140 million instructions to import: only for those who use it.
const loadSdk = lazily(() => import("ollama"));

/** Makes a client that asks by this `fetch`. */
export async function connect(
  { url: host }: Server,
  fetch: Fetch,
): Promise<Ollama> {
  const { Ollama } = await loadSdk();
  return new Ollama({ host, fetch });
}

/**
 * The server at this address.
 *
 * @param model tells which model is asked for
 */
export function toServer(url: string, model: () => string): Server {
  return {
    provider: "ollama",
    name: "Ollama",
    url,
    addressEnv: "OLLAMA_HOST",
    unreachable:
      "start it: ollama serve. Where it runs on another machine or outside the container, set " +
      "OLLAMA_HOST to its address, and there OLLAMA_HOST=0.0.0.0, so that it listens to others",
    asked: () => `Ollama model "${model()}"`,
    explain(status, body) {
      if (status !== 404) {
        const what = `it answered with status ${status}`;
        return { what, fix: "look at Ollama's own log" };
      }
      if (/model .*not found/.test(body)) {
        const what = `model "${model()}" is not pulled`;
        return { what, fix: `run \`ollama pull ${model()}\`` };
      }
      const what = `what answers at ${placeOf({ url })} is not Ollama`;
      return { what: `${what} (status 404)`, fix: "check OLLAMA_HOST" };
    },
  };
}

/**
 * Makes an address that can be dialled of what `OLLAMA_HOST` may hold. Ollama's
 * own server reads the same variable, so `0.0.0.0` and a bare `host:port` are
 * normal there.
 *
 * @throws {TypeError} when it is no address
 */
export function toOllamaUrl(value: string): string {
  const url = new URL(/^https?:\/\//i.test(value) ? value : `http://${value}`);
  if (url.port === "" && !/^https?:\/\//i.test(value)) url.port = "11434";
  if (url.hostname === "0.0.0.0") url.hostname = "127.0.0.1";
  if (url.hostname === "[::]") url.hostname = "[::1]";
  return toHttpUrl(url.href);
}

/** Reads a time. @throws {SyntaxError} when it is none that Ollama understands */
export function toDuration(text: string): string {
  if (/^(-?\d+|-?(\d+(\.\d+)?(ms|s|m|h))+)$/.test(text)) return text;
  throw new SyntaxError(`Not a time: ${text}`);
}
