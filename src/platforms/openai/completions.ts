/**
 * The route of all questions, on one screen: key, parse, hand on, write.
 *
 * @module
 */
import type { Stateless } from "../../conversation/stateless.ts";
import { parseJson, readBody, shuttingDown } from "../../server/http.ts";
import type { Handler } from "../../server/router.ts";
import type { PlatformParts } from "../platform.ts";
import { refuse } from "../refuse.ts";
import { createAnswer } from "./answer.ts";
import { parseBody } from "./body.ts";
import { type Asked, readEvent } from "./event.ts";
import type { OpenAiSettings } from "./settings.ts";

/** What an owner tells of this route, and who answers what isn't kept. */
export interface CompletionsOptions
  extends Pick<OpenAiSettings, "platformPrompt"> {
  /** Answers what belongs to no conversation. */
  stateless: Stateless;
}

/** What the model is called where the platform doesn't say. */
export const MODEL = "parley";

/**
 * Makes the handler.
 *
 * @param checkKey gives the name of the key that a request shows
 */
export function createCompletions(
  { conversations, now }: PlatformParts,
  { stateless, platformPrompt }: CompletionsOptions,
  checkKey: (...request: Parameters<Handler>) => string,
): Handler {
  const answering: Record<Asked["kind"], typeof conversations> = {
    call: conversations,
    stateless: stateless.calls,
    task: stateless.tasks,
  };
  return async function handle(request, sender) {
    const keyName = checkKey(request, sender);
    const body = parseBody(parseJson(await readBody(request)));
    const { kind, event } = readEvent(request, body, keyName, platformPrompt);
    const answer = createAnswer({
      model: body.model ?? MODEL,
      // Vapi doesn't say that it wants a stream, and takes nothing else.
      isStreamed: body.stream ?? body.call !== undefined,
      hasUsage: body.stream_options?.include_usage ?? false,
      created: Math.floor(now() / 1000),
    });
    const isTaken = await answering[kind]
      .respond(event, answer, answer.signal)
      .catch(refuse);
    if (!isTaken) throw shuttingDown();
    return answer.response;
  };
}
