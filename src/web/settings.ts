/**
 * The settings of the pages.
 *
 * @module
 */
import { onOrOff } from "../settings/kinds.ts";
import { SettingError, type SettingValues } from "../settings/setting.ts";

/** The minimum length of a token, in characters: strangers may try to guess it. */
const MIN_TOKEN_LENGTH = 16;

/** Which pages are enabled, and the tokens that open them. */
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
    help: "Token that opens `/` and `/voice`, as in " +
      "`http://<host>/?token=<this>`. Once `LAYERCODE_WEBHOOK_SECRET` is set, " +
      "everybody needs it; before that, browsers on this machine don't. At " +
      "least 16 characters, such as `openssl rand -hex 24` prints. A token " +
      "that is set here is not logged.",
    defaultNote: "a new one at each start, which a terminal shows and a JSON " +
      "log holds",
    parse: toLongToken,
  },
  adminToken: {
    env: "ADMIN_TOKEN",
    secret: true,
    help: "Bearer token of `/sessions`, an API and a page to read and delete " +
      "stored conversations; the page asks for the token. At least 16 " +
      "characters, such as `openssl rand -hex 24` prints.",
    defaultNote: "none: there is no `/sessions`",
    parse: toLongToken,
  },
} as const;

/** The values of {@linkcode webSettings}. */
export type WebSettings = SettingValues<typeof webSettings>;

function toLongToken(text: string, env: string): string {
  if (text.length >= MIN_TOKEN_LENGTH) return text;
  throw new SettingError([
    `${env}: is shorter than ${MIN_TOKEN_LENGTH} characters and could be ` +
    "guessed; make one with openssl rand -hex 24, or unset it",
  ]);
}
