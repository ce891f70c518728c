/**
 * What sets Gemini's models apart: how each is told how much to think, and when
 * there will be no such model any more. Pure.
 *
 * Wire: https://ai.google.dev/gemini-api/docs/thinking
 *
 * @module
 */
import { type Thinking, THINKING_TOKENS } from "./provider.ts";

/** How much a model is to think: a number of tokens, or a level of newer models. */
export interface ThinkingConfig {
  /** Of models up to 2.5. */
  thinkingBudget?: number;
  /** Of models from 3 on. */
  thinkingLevel?: "minimal" | Exclude<Thinking, "off">;
}

/**
 * How little or much a model is to think, in the words of its generation; the
 * words of another generation are an error.
 */
export function toThinkingConfig(
  model: string,
  thinking: Thinking,
): ThinkingConfig | undefined {
  if (/^gemini-(1\.|2\.0)/.test(model)) return undefined;
  if (/^gemini-2\.5/.test(model)) {
    // The large model can't do without; this is its least.
    const least = /^gemini-2\.5-pro/.test(model) ? 128 : 0;
    const thinkingBudget = thinking === "off"
      ? least
      : THINKING_TOKENS[thinking];
    return { thinkingBudget };
  }
  if (thinking !== "off") return { thinkingLevel: thinking };
  return { thinkingLevel: /pro/.test(model) ? "low" : "minimal" };
}

/**
 * How many of an answer's tokens a model may have thought, which count as part
 * of it. A model that wasn't told how much to think may do so a lot.
 */
export function toThinkingTokens(
  model: string,
  config: ThinkingConfig | undefined,
): number {
  if (/^gemini-(1\.|2\.0)/.test(model)) return 0;
  if (config === undefined) return THINKING_TOKENS.medium;
  const { thinkingBudget, thinkingLevel = "minimal" } = config;
  if (thinkingBudget !== undefined) return thinkingBudget;
  return thinkingLevel === "minimal" ? 512 : THINKING_TOKENS[thinkingLevel];
}

/** Models that are gone or will be, and when. As of November 2026. */
const ENDS: [RegExp, string][] = [
  [/^gemini-1\./, "is retired"],
  [/^gemini-2\.0-/, "was retired on 2026-06-01"],
  [/^gemini-2\.5-flash($|-(?!lite))/, "is shut down on 2026-12-01"],
  [/^gemini-3\.1-flash-lite/, "is shut down on 2027-05-07"],
];

/**
 * What is known of a model's end, if anything.
 *
 * Source: https://ai.google.dev/gemini-api/docs/deprecations
 */
export function findEnd(model: string): string | undefined {
  return ENDS.find(([pattern]) => pattern.test(model))?.[1];
}
