/**
 * The OpenAI-compatible API without a port, and requests to it.
 *
 * @module
 */
import {
  ActiveTurns,
  type ActiveTurnsOptions,
} from "../../../src/conversation/active_turns.ts";
import {
  type ConversationParts,
  Conversations,
} from "../../../src/conversation/conversation.ts";
import { createStateless } from "../../../src/conversation/stateless.ts";
import {
  openai,
  type OpenAiOptions,
  refuse,
} from "../../../src/platforms/openai/mod.ts";
import type { Provider } from "../../../src/providers/provider.ts";
import { createLog } from "../../../src/server/log.ts";
import { createApp } from "../../../src/server/router.ts";
import { agent } from "../../fakes/agent.ts";
import { createMemoryStore } from "../../fakes/memory_store.ts";

/** A valid key. */
export const KEY = "a-key-of-sixteen";

/** The beginning of its conversations' ids. */
export const PREFIX = "openai-9334280a-";

/** What a test can set. */
export interface ApiOptions
  extends
    Partial<ConversationParts>,
    ActiveTurnsOptions,
    Partial<Omit<OpenAiOptions, "stateless">> {}

/** Creates the API, with its store and log. */
export function makeApi(provider: Provider, options: ApiOptions = {}) {
  const lines: string[] = [];
  const log = createLog({
    level: "debug",
    format: "json",
    write: (_, line) => lines.push(line),
  });
  const store = createMemoryStore();
  const parts: ConversationParts = {
    store,
    provider,
    agent,
    tools: [],
    onData: () => undefined,
    log,
    now: Date.now,
    activeTurns: new ActiveTurns(options),
    ...options,
  };
  const conversations = new Conversations(parts);
  const routes = openai({ conversations, log, now: parts.now }, {
    keys: [KEY, "another-key-of-mine"],
    platformPrompt: "append",
    ...options,
    stateless: createStateless(parts),
  });
  const isDraining = parts.isDraining ?? (() => false);
  const handle = createApp({ routes, log, isDraining, refuse });
  return { handle, store, lines, activeTurns: parts.activeTurns };
}

/** Makes a request. */
export function post(
  body: unknown,
  headers: Record<string, string> = {},
  path = "/v1/chat/completions",
): Request {
  return new Request(`http://parley.test${path}`, {
    method: "POST",
    headers: {
      "authorization": `Bearer ${KEY}`,
      "content-type": "application/json",
      ...headers,
    },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
}

/** Makes messages: of the caller from texts that begin with `>`, of the prompt with `#`, of the agent from all others. */
export function messages(...texts: string[]) {
  return texts.map((text) => {
    const role = { ">": "user", "#": "system" }[text[0] ?? ""] ?? "assistant";
    return { role, content: role === "assistant" ? text : text.slice(1) };
  });
}

/** Returns the objects of a stream, which has to end with `[DONE]`. */
// deno-lint-ignore no-explicit-any -- a test reads whatever came
export async function readChunks(response: Response): Promise<any[]> {
  const events = (await response.text()).split("\n\n");
  const datas = events.slice(0, -1).map((event) => event.slice(6));
  if (datas.pop() !== "[DONE]") throw new Error(events.join("\n\n"));
  return datas.map((data) => JSON.parse(data));
}

/** Returns the text of a stream. */
export async function readWords(response: Response): Promise<string> {
  const chunks = await readChunks(response);
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("");
}
