/**
 * The settings of the OpenAI-compatible API.
 *
 * @module
 */
import { listOf, oneOf } from "../../settings/kinds.ts";
import type { SettingValues } from "../../settings/setting.ts";

/** The keys, and what to do with a platform's own prompt. */
export const openaiSettings = {
  keys: {
    env: "API_KEYS",
    secret: true,
    help: "The keys with which other voice platforms, such as Vapi, " +
      "ElevenLabs or LiveKit, may ask this server as if it were OpenAI: at " +
      "`/v1/chat/completions` and `/v1/models`. Several, with commas between " +
      "them; each has conversations of its own. At least 16 characters each, " +
      "such as `openssl rand -hex 24` prints.",
    defaultNote: "none: there is no `/v1`",
    ...listOf(findKeyProblem),
  },
  platformPrompt: {
    env: "PLATFORM_PROMPT",
    default: "append",
    help: "What becomes of the system message that such a platform sends: " +
      "`append` puts it after the agent's own prompt, `ignore` leaves it " +
      "out, `replace` takes it in place of the agent's own.",
    ...oneOf(["append", "ignore", "replace"]),
  },
} as const;

/** The values of {@linkcode openaiSettings}. */
export type OpenAiSettings = SettingValues<typeof openaiSettings>;

function findKeyProblem(key: string, index: number): string | undefined {
  return /^[\x21-\x7e]{16,}$/.test(key)
    ? undefined
    : `key ${index + 1} is not 16 or more characters that a header can hold, ` +
      "without blanks; make one with openssl rand -hex 24";
}
