/**
 * The settings of the server and of the log.
 *
 * @module
 */
import {
  listOf,
  oneOf,
  toHttpUrl,
  toPath,
  wholeNumber,
} from "../settings/kinds.ts";
import type { SettingValues } from "../settings/setting.ts";
import { ranges } from "./address.ts";
import { LOG_LEVELS } from "./log.ts";

/** The settings of the server. */
export const serverSettings = {
  port: {
    env: "PORT",
    default: "3000",
    help: "The port. 3000 is also what Layercode's own tunnel expects.",
    ...wholeNumber(0, 65_535),
  },
  hostname: {
    env: "HOST",
    secret: false,
    help: "The address.",
    expected: "an address of this machine such as 0.0.0.0 or ::1, or its name",
    parse: toHostname,
    defaultNote: "`127.0.0.1` (this machine alone) while " +
      "`LAYERCODE_WEBHOOK_SECRET` is unset, else `0.0.0.0` (every interface)",
    example: "0.0.0.0",
  },
  publicUrl: {
    env: "PUBLIC_URL",
    secret: false,
    example: "https://voice.example.com",
    help: "The address at which others reach this server. Its own pages may " +
      "call `/authorize` from there; from this machine they may without it.",
    expected: "an address such as https://voice.example.com",
    parse: toHttpUrl,
  },
  trustedProxies: {
    env: "TRUSTED_PROXIES",
    secret: false,
    example: "127.0.0.1,10.0.0.0/8",
    help: "The proxies in front of this server, whose `X-Forwarded-For` is " +
      "believed: addresses and ranges, with commas between them. Behind a " +
      "proxy that is not named, all clients count as one sender.",
    defaultNote: "none: a sender's address is its connection's",
    ...ranges,
  },
  toolHosts: {
    env: "TOOL_HOSTS",
    secret: false,
    example: "api.example.com,10.0.0.7:8080",
    help: "The hosts that your tools and handlers in `src/agent` reach, with " +
      "commas between them, each with its port, or without for any port. " +
      "Models and stores need no mention. `*` for every host.",
    defaultNote: "none",
    ...listOf(findHostProblem),
  },
  dataDir: {
    env: "DATA_DIR",
    default: "./data",
    help: "The only folder that is written: it holds the conversations and " +
      "the generated secret. Its path has no white space and no commas.",
    parse: toPath,
  },
  maxTurns: {
    env: "MAX_TURNS",
    default: "500",
    help:
      "How many turns may be under way at once. Further turns are refused " +
      "with 503 and `retry-after`; those under way are not affected.",
    ...wholeNumber(1, 1_000_000),
  },
  deployed: { env: "DENO_DEPLOY", secret: false, belongsTo: "Deno Deploy" },
  deploymentId: {
    env: "DENO_DEPLOYMENT_ID",
    secret: false,
    belongsTo: "Deno Deploy",
  },
} as const;

/** The settings of the log. */
export const logSettings = {
  level: {
    env: "LOG_LEVEL",
    default: "info",
    help:
      "The least serious level that is logged: `debug`, `info`, `warn` or " +
      "`error`.",
    ...oneOf(LOG_LEVELS),
  },
  format: {
    env: "LOG_FORMAT",
    secret: false,
    help: "`pretty` (for people) or `json` (one object a line).",
    defaultNote: "`pretty` on a terminal, else `json`",
    example: "json",
    ...oneOf(["json", "pretty"]),
  },
} as const;

/** The values of {@linkcode serverSettings}. */
export type ServerSettings = SettingValues<typeof serverSettings>;

/** @throws {TypeError} when it is no name and no address */
function toHostname(text: string): string {
  if (isHost(text.includes(":") ? `[${text}]` : text)) return text;
  throw new TypeError("Not a host");
}

function findHostProblem(host: string): string | undefined {
  return host === "*" || isHost(host.replace(/^\*\.(?=\w)/, ""))
    ? undefined
    : `"${host}" is not a host such as api.example.com or 10.0.0.7:8080; ` +
      "leave out https:// and the path";
}

/** Whether Deno takes a host, with or without a port, in its flags. It would refuse others in its own words. */
function isHost(text: string): boolean {
  return /^(\w[\w-]*(\.[\w-]+)*|\[[\da-f:.]+\])(:\d+)?$/i.test(text) &&
    URL.canParse(`http://${text}`);
}
