/**
 * The settings of the OpenAI-compatible API.
 *
 * @module
 */
import { listOf, oneOf } from "../../settings/kinds.ts";
import type { SettingValues } from "../../settings/setting.ts";

/** The fewest characters of a key, so that it can't be guessed. */
const LEAST_KEY_LENGTH = 16;

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

function findKeyProblem(
  key: string,
  index: number,
  { length }: string[],
): string | undefined {
  const which = length > 1 ? `key ${index + 1}` : "the key";
  const fix = "make one with openssl rand -hex 24";
  if (key === "") return "has an empty entry; remove the comma";
  if (!/^[\x21-\x7e]+$/.test(key)) {
    return `${which} has characters that no header can hold; ${fix}`;
  }
  return key.length >= LEAST_KEY_LENGTH
    ? undefined
    : `${which} is shorter than ${LEAST_KEY_LENGTH} characters and could be ` +
      `guessed; ${fix}`;
}
