/**
 * The real Ollama that `.ci/ollama run` started, and a line to it on which a
 * test can listen in.
 *
 * @module
 */

/** Where the engine is. */
export interface Engine {
  host: string;
  model: string;
}

/** The engine of this run. */
export function findEngine(): Engine {
  const host = Deno.env.get("OLLAMA_HOST");
  const model = Deno.env.get("OLLAMA_MODEL");
  if (!host || !model) {
    throw new Error(
      "These tests need a real Ollama: .ci/ollama run deno task test:ollama",
    );
  }
  return { host, model };
}

/** A question as it went over the wire. */
export interface Asked {
  messages: { role: string; content: string }[];
  options: { num_ctx: number; num_predict?: number };
}

/** A line to the engine that keeps what is asked. */
export interface Tap extends AsyncDisposable {
  url: string;
  asked: Asked[];
}

/**
 * Puts a line between the server and the engine.
 *
 * @param port any that is free unless told
 */
export function tap(engine: Engine, port = 0): Tap {
  const asked: Asked[] = [];
  const server = Deno.serve({
    port,
    hostname: "127.0.0.1",
    onListen() {},
  }, async (request) => {
    const { pathname } = new URL(request.url);
    const body = request.method === "POST" ? await request.text() : null;
    if (pathname === "/api/chat" && body) {
      const question: Asked = JSON.parse(body);
      // One for a single word only has the model read ahead.
      if (question.options.num_predict !== 1) asked.push(question);
    }
    const answer = await fetch(engine.host + pathname, {
      method: request.method,
      body,
      signal: request.signal,
    });
    return new Response(answer.body, answer);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/**
 * Whether the engine is at work: while it is, each look at `/api/ps` finds the
 * model's expiry moved on; when it isn't, the expiry stands still.
 */
export async function isGenerating(engine: Engine): Promise<boolean> {
  const expiry = async () => {
    const response = await fetch(`${engine.host}/api/ps`);
    const { models } = await response.json();
    return models[0]?.expires_at;
  };
  const before = await expiry();
  await new Promise((go) => setTimeout(go, 300));
  return await expiry() !== before;
}
