/**
 * Pulls a model into Ollama, and tells how far it is.
 *
 * Wire: https://docs.ollama.com/api/pull
 *
 * @module
 */
import { connect, toServer } from "./_ollama_wire.ts";
import { request } from "./_server.ts";
import { ollamaSettings } from "./ollama.ts";

/**
 * Pulls a model. What was pulled before it failed isn't pulled again the next
 * time.
 *
 * @param tell takes how many bytes are here, of how many that are known of yet
 */
export async function pull(
  host: string,
  model: string,
  tell: (completed: number, total: number) => void,
): Promise<void> {
  const over = new AbortController();
  const { signal } = over;
  const server = toServer(host, ollamaSettings, () => model);
  const client = await connect(
    server,
    (url, init) => request(server, url, { ...init, signal }),
  );
  const layers = new Map<string, { completed?: number; total?: number }>();
  try {
    for await (const step of await client.pull({ model, stream: true })) {
      layers.set(step.digest, step);
      let [completed, total] = [0, 0];
      for (const layer of layers.values()) {
        completed += layer.completed ?? 0;
        total += layer.total ?? 0;
      }
      tell(completed, total);
    }
  } finally {
    // The SDK leaves the connection open.
    over.abort();
  }
}
