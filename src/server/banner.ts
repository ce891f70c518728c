/**
 * What a start says to the person who typed it: where, with which model, and
 * what to do next.
 *
 * @module
 */

/** What there is to say. */
export interface BannerParts {
  /** Parley's own, from `deno.json`. */
  version: string;
  /** Where it listens, e.g. `http://localhost:3000`. */
  url: string;
  /** The vendor, as `LLM_PROVIDER` spells it. */
  provider: string;
  /** As the vendor spells it; where that is the vendor's name again, it is said once. */
  model: string;
  /** As `SESSION_STORE` spells it. */
  store: string;
  /** The only folder that is written. */
  dataDir: string;
  /** Whether the owner gave a webhook secret, or one was made. */
  ownSecret: boolean;
  /** The address of the page for trying the agent, if there is one, with its token. */
  page?: string | undefined;
}

/** The next steps, one a line. */
export function nextSteps(parts: BannerParts): string[] {
  const { url, ownSecret, page } = parts;
  const { port } = new URL(url);
  return [
    ...(page ? [`Talk to it:         ${page}`] : []),
    `${
      page ? "In a terminal:     " : "Talk to it:        "
    } deno task say "Hello"`,
    `Look for mistakes:  deno task doctor`,
    `Open it to the web: cloudflared tunnel --url http://localhost:${port}`,
    `Connect Layercode:  enter https://<the tunnel's address>/agent as your agent's webhook URL` +
    (ownSecret ? "" : ", put its secret in .env as LAYERCODE_WEBHOOK_SECRET"),
  ];
}

/** The text for a terminal. */
export function toBanner(parts: BannerParts): string {
  const { version, url, provider, model, store, dataDir, ownSecret } = parts;
  const secret = ownSecret
    ? "LAYERCODE_WEBHOOK_SECRET"
    : `${dataDir}/webhook-secret (made on the first start)`;
  return [
    "",
    `  Parley ${version} listens on ${url}`,
    "",
    `  model     ${
      provider === "echo"
        ? "none: echo, a stand-in that repeats what it hears"
        : `${provider}, ${model}`
    }`,
    `  sessions  ${store === "file" ? `${dataDir}/sessions` : store}`,
    `  webhook   ${url}/agent`,
    `  secret    ${secret}`,
    "",
    ...nextSteps(parts).map((line) => `  ${line}`),
    "",
  ].join("\n");
}
