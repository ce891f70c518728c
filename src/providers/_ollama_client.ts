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
import { type Fetch, lazily } from "./_sdk.ts";
import { type Server, withoutPassword } from "./_server.ts";

// It takes 140 million instructions to import: only for those who use it.
const loadSdk = lazily(() => import("ollama"));

/** Makes a client that asks by this `fetch`. */
export async function connect(host: string, fetch: Fetch): Promise<Ollama> {
  const { Ollama } = await loadSdk();
  return new Ollama({ host, fetch });
}

/**
 * The server at this address.
 *
 * @param model tells which model is asked for
 */
export function toServer(host: string, model: () => string): Server {
  const place = withoutPassword(host);
  return {
    provider: "ollama",
    place,
    title: `Ollama at ${place}`,
    addressEnv: "OLLAMA_HOST",
    unreachable:
      "start it: ollama serve. Where it runs on another machine or outside the container, set " +
      "OLLAMA_HOST to its address, and there OLLAMA_HOST=0.0.0.0, so that it listens to others",
    asked: () => `Ollama model "${model()}"`,
    explain(status, body) {
      if (status === 404 && /model .*not found/.test(body)) {
        return {
          what: `model "${model()}" is not pulled`,
          fix: `run \`ollama pull ${model()}\``,
        };
      }
      if (status === 404) {
        return {
          what: `what answers at ${place} is not Ollama (status 404)`,
          fix: "check OLLAMA_HOST",
        };
      }
      return {
        what: `it answered with status ${status}`,
        fix: "look at Ollama's own log",
      };
    },
  };
}
