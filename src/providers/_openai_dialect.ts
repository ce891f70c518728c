/**
 * How servers of OpenAI's chat completions differ, and how one is found out:
 * by what it refuses. Pure.
 *
 * @module
 */
import type { Thinking } from "./provider.ts";

/**
 * What of a request not every server takes. It begins as most take it, and
 * {@linkcode adapt} changes it by what a server refuses.
 */
export interface Dialect {
  /** What the server calls the longest answer. */
  limit: "max_completion_tokens" | "max_tokens";
  /** How much the model is to think. `undefined`: nothing is said of it. */
  effort: string | undefined;
  /** Whether the model may be told of tools. */
  hasTools: boolean;
  /** Whether token counts are asked for. */
  hasUsage: boolean;
  /** Whether the model thinks all the same, as its answers show. */
  isThinking: boolean;
}

/** How a server is spoken to at first. */
export function toDialect(isOpenAi: boolean, thinking: Thinking): Dialect {
  return {
    limit: isOpenAi ? "max_completion_tokens" : "max_tokens",
    effort: thinking === "off" ? "none" : thinking,
    hasTools: true,
    hasUsage: true,
    isThinking: thinking !== "off",
  };
}

/**
 * How a server is spoken to from now on, by why it refused a request.
 *
 * @returns `undefined` where nothing can be changed
 */
export function adapt(dialect: Dialect, reason: string): Dialect | undefined {
  const { limit, effort, hasTools, hasUsage } = dialect;
  if (/reasoning|thinking/i.test(reason) && effort !== undefined) {
    // Such as: Supported values are: 'minimal', 'low', 'medium', and 'high'.
    const other = ["none", "minimal", "low"].find((other) =>
      other !== effort && new RegExp(`['"\`]${other}['"\`]`).test(reason)
    );
    const isThinking = other === "minimal" || other === "low";
    return { ...dialect, effort: other, isThinking };
  }
  if (hasTools && /\btools?\b/i.test(reason) && UNABLE.test(reason)) {
    return { ...dialect, hasTools: false };
  }
  if (hasUsage && /stream_options/.test(reason)) {
    return { ...dialect, hasUsage: false };
  }
  if (reason.includes(limit) && UNKNOWN.test(reason)) {
    const isOld = limit === "max_tokens";
    return {
      ...dialect,
      limit: isOld ? "max_completion_tokens" : "max_tokens",
    };
  }
  return undefined;
}

/** How servers say that they don't know a field. */
const UNKNOWN =
  /unsupported|not supported|unknown|unrecogni[sz]ed|not permitted/i;

/** How servers say that a model can't call tools, or that they weren't set up for it. */
const UNABLE = /not support|unsupported|no endpoints|requires|not enabled/i;
