/**
 * Ports for programs that can't choose one themselves, and the default port of
 * Ollama.
 *
 * @module
 */

/** Ollama's default port. */
export const OLLAMA_PORT = 11434;

/** Why a test can't use Ollama's default port; `undefined` if it can. */
export function whyNoOllamaPort(): string | undefined {
  try {
    Deno.listen({ hostname: "127.0.0.1", port: OLLAMA_PORT }).close();
    return undefined;
  } catch {
    return `Port ${OLLAMA_PORT} is in use: stop the Ollama that runs here`;
  }
}

/** Returns a port of 127.0.0.1 that was free a moment ago. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
