/**
 * What comes of a turn, as `say` sees it.
 *
 * @module
 */
import { toEnding, toUsage } from "../web/figures.js";
import { readAnswer } from "../platforms/layercode/client.ts";
import { oneLine, printable, printableJson } from "./_terminal.ts";

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
  /** How long the model took to read its prompt. */
  prompt_ms?: number | undefined;
  /** How much of the prompt it had read before. */
  cached_tokens?: number | undefined;
  /** `max-tokens` or `repetition`, where the answer was ended for the model. */
  ended?: string | undefined;
}

/** How long the next sign of an answer may take: models and tools are slow, too. */
const SILENCE_MS = 120_000;

/** How long a connection may stay open after the answer, so that the next turn can use it. */
const AFTERWARDS_MS = 1_000;

/** Gives up on an answer that has fallen silent. */
export interface Patience extends Disposable {
  /** Aborted when it is over. */
  signal: AbortSignal;
  /** Begins anew. */
  wait(ms?: number): void;
}

/** Begins to wait for an answer. */
export function createPatience(): Patience {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  function wait(ms = SILENCE_MS): void {
    clearTimeout(timer);
    const late = new Error(`nothing came for ${ms / 1000} seconds`);
    timer = setTimeout(() => controller.abort(late), ms);
  }
  wait();
  return {
    signal: controller.signal,
    wait,
    [Symbol.dispose]: () => clearTimeout(timer),
  };
}

/** What following an answer needs. */
export interface FollowOptions {
  /** When the turn began, by `performance.now()`. */
  startedAt: number;
  /** Ends the response's body when it is over. */
  patience: Patience;
  /** Takes what a person is to see, as it comes. */
  show: (text: string) => void;
}

/**
 * Reads an answer to its end.
 *
 * @returns what ended it before, if anything did
 */
export async function follow(
  response: Response,
  outcome: Outcome,
  { startedAt, patience, show }: FollowOptions,
): Promise<unknown> {
  const passed = () => Math.round(performance.now() - startedAt);
  let status = "complete";
  let cause: unknown;
  try {
    for await (const event of readAnswer(response)) {
      patience.wait();
      switch (event.type) {
        case "response.tts":
          outcome.first_word_ms ??= passed();
          outcome.text += event.content;
          show(printable(String(event.content)));
          break;
        case "response.data":
          outcome.data.push(event.content);
          show(`\n[data] ${printableJson(event.content)}\n`);
          break;
        case "parley.turn":
          status = event.status ?? status;
          outcome.provider = event.provider;
          outcome.model = event.model;
          outcome.input_tokens = event.input_tokens;
          outcome.output_tokens = event.output_tokens;
          outcome.prompt_ms = event.prompt_ms;
          outcome.cached_tokens = event.cached_tokens;
          outcome.ended = event.ended;
          break;
        case "response.end":
          outcome.status = status;
          outcome.total_ms = passed();
          patience.wait(AFTERWARDS_MS);
          break;
      }
    }
  } catch (error) {
    // What happens to the connection after the last event matters to nobody.
    if (outcome.status === "broken") cause = error;
  }
  if (outcome.status === "broken") outcome.total_ms = passed();
  return cause;
}

/** An outcome in one line. */
export function toCaption(outcome: Outcome): string {
  const { first_word_ms, provider, model } = outcome;
  const who = provider === model ? provider : `${provider} ${model}`;
  return oneLine([
    first_word_ms === undefined ? "no words" : `first word ${first_word_ms} ms`,
    `total ${outcome.total_ms} ms`,
    ...toUsage(outcome),
    ...(provider === undefined ? [] : [who]),
    ...(outcome.status === "complete" ? [] : [outcome.status]),
    ...toEnding(outcome),
    `conversation ${outcome.conversation_id}`,
  ].join(", "));
}
