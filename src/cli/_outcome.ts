/**
 * What comes of a turn, as `say` sees it.
 *
 * @module
 */
import { readAnswer } from "../layercode/client.ts";
import { printable } from "./_terminal.ts";

/** What is known of an answer when it is over. Programs read it as it is. */
export interface Outcome {
  conversation_id: string;
  turn_id: string;
  /** All that was said. */
  text: string;
  /** Every `response.data`. */
  data: unknown[];
  /** As measured here, the network included. */
  first_word_ms?: number;
  total_ms: number;
  /** `complete`, `failed`; `broken` when the answer had no end. */
  status: string;
  provider?: string | undefined;
  model?: string | undefined;
  input_tokens?: number | undefined;
  output_tokens?: number | undefined;
}

/** Reads an answer to its end. */
export async function follow(
  response: Response,
  outcome: Outcome,
  startedAt: number,
  show: (text: string) => void,
): Promise<void> {
  const passed = () => Math.round(performance.now() - startedAt);
  let status = "complete";
  try {
    for await (const event of readAnswer(response)) {
      switch (event.type) {
        case "response.tts":
          outcome.first_word_ms ??= passed();
          outcome.text += event.content;
          show(printable(String(event.content)));
          break;
        case "response.data":
          outcome.data.push(event.content);
          show(`\n[data] ${JSON.stringify(event.content)}\n`);
          break;
        case "parley.turn":
          status = event.status ?? status;
          outcome.provider = event.provider;
          outcome.model = event.model;
          outcome.input_tokens = event.input_tokens;
          outcome.output_tokens = event.output_tokens;
          break;
        case "response.end":
          outcome.status = status;
          break;
      }
    }
  } catch {
    // Cut off: it stays "broken".
  }
  outcome.total_ms = passed();
}

/** An outcome in one line. */
export function toCaption(outcome: Outcome): string {
  const { first_word_ms, provider, model, output_tokens } = outcome;
  const who = provider === model ? provider : `${provider} ${model}`;
  return [
    first_word_ms === undefined ? "no words" : `first word ${first_word_ms} ms`,
    `total ${outcome.total_ms} ms`,
    ...(output_tokens === undefined ? [] : [`${output_tokens} tokens`]),
    ...(provider === undefined ? [] : [who]),
    ...(outcome.status === "complete" ? [] : [outcome.status]),
    `conversation ${outcome.conversation_id}`,
  ].join(", ");
}
