/**
 * The settings of Layercode.
 *
 * @module
 */
import { httpUrl, listOf, wholeNumber } from "../../settings/kinds.ts";
import type { SettingValues } from "../../settings/setting.ts";

/** The setting of the secrets that sign webhooks. */
export const webhookSettings = {
  webhookSecrets: {
    env: "LAYERCODE_WEBHOOK_SECRET",
    secret: true,
    help: "The webhook secret, from the dashboard: your agent, “Connect your " +
      "backend”. Several, with commas between them, while you change it or " +
      "for several agents. Verification can't be turned off.",
    defaultNote: "one that is made on the first start and kept in " +
      "`DATA_DIR/webhook-secret`",
    ...listOf((secret) =>
      secret !== "" ? undefined : "has an empty entry; remove the comma too " +
        "many, or unset it to have a secret made"
    ),
  },
} as const;

/** The settings of Layercode's API and of `/authorize`. */
export const layercodeSettings = {
  apiKey: {
    env: "LAYERCODE_API_KEY",
    secret: true,
    help: "The API key, from the dashboard's settings. Needed for " +
      "`/authorize` only, by which a web page gets its session key. It never " +
      "leaves this server.",
  },
  agentId: {
    env: "LAYERCODE_AGENT_ID",
    secret: false,
    help: "The agent that pages may talk to.",
    defaultNote: "the one that the page names",
  },
  apiUrl: {
    env: "LAYERCODE_API_URL",
    help: "Layercode's own address. Change it for a stand-in or a proxy.",
    ...httpUrl("https://api.layercode.com"),
  },
  allowedOrigins: {
    env: "ALLOWED_ORIGINS",
    secret: false,
    example: "https://example.com,http://localhost:5173",
    help: "Origins of pages, besides `PUBLIC_URL`, that may call " +
      "`/authorize`; with commas between them, no slash at the end. Apps have " +
      "origins, too, such as `capacitor://localhost`. `*` lets any page spend " +
      "your balance.",
    ...listOf(findOriginProblem),
  },
  perAddress: {
    env: "AUTHORIZE_PER_ADDRESS",
    default: "30",
    help: "How often one address may call `/authorize` in a minute. Of an " +
      "IPv6 address the first half counts.",
    ...wholeNumber(1, 1_000_000),
  },
  inAll: {
    env: "AUTHORIZE_IN_ALL",
    default: "600",
    help:
      "How many session keys `/authorize` asks Layercode for in a minute, " +
      "whoever wants them.",
    ...wholeNumber(1, 1_000_000),
  },
} as const;

/** The values of {@linkcode layercodeSettings}. */
export type LayercodeSettings = SettingValues<typeof layercodeSettings>;

/** Origins are compared literally, so one has to be spelled as browsers do, without a wildcard. */
function findOriginProblem(origin: string): string | undefined {
  const [, host] = /^[a-z][a-z\d+.-]*:\/\/([^A-Z*]+)$/.exec(origin) ?? [];
  const isOrigin = host !== undefined && URL.parse(origin)?.host === host;
  return isOrigin || origin === "*"
    ? undefined
    : `"${origin}" is not an origin such as https://example.com: small ` +
      "letters, no path, no slash at the end, no * within";
}
