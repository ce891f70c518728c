/**
 * What an owner may set of the pages.
 *
 * @module
 */
import { onOrOff } from "../settings/kinds.ts";
import { SettingError, type SettingValues } from "../settings/setting.ts";

/** The fewest characters of a token that strangers may try to guess. */
const LEAST_TOKEN_LENGTH = 16;

/** Which pages there are, and who may have them. */
export const webSettings = {
  playground: {
    env: "PLAYGROUND",
    secret: false,
    help: "The page at `/` for trying the agent: `on` or `off`.",
    defaultNote: "`on` while `LAYERCODE_WEBHOOK_SECRET` is unset, else `off`",
    example: "on",
    ...onOrOff,
  },
  playgroundToken: {
    env: "PLAYGROUND_TOKEN",
    secret: true,
    help: "What the address of `/` and `/voice` must end with, as in " +
      "`http://<host>/?token=<this>`, for everybody once " +
      "`LAYERCODE_WEBHOOK_SECRET` is set, before that for others than this " +
      "machine. At least 16 characters, such as `openssl rand -hex 24` " +
      "prints. One that is set here stays out of the log.",
    defaultNote: "a new one at each start, which a terminal shows and a JSON " +
      "log holds",
    parse: toLongToken,
  },
  adminToken: {
    env: "ADMIN_TOKEN",
    secret: true,
    help: "Bearer token of `/sessions`, where you read and delete what was " +
      "said: an API, and a page that asks for it. At least 16 characters, " +
      "such as `openssl rand -hex 24` prints.",
    defaultNote: "none: there is no `/sessions`",
    parse: toLongToken,
  },
} as const;

/** The values of {@linkcode webSettings}. */
export type WebSettings = SettingValues<typeof webSettings>;

function toLongToken(text: string, env: string): string {
  if (text.length >= LEAST_TOKEN_LENGTH) return text;
  throw new SettingError([
    `${env}: is shorter than ${LEAST_TOKEN_LENGTH} characters and could be ` +
    "guessed; make one with openssl rand -hex 24, or unset it",
  ]);
}
