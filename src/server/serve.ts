/**
 * The process around the app: listening, saying so to the person who typed the
 * command, and leaving without cutting anybody off in mid-sentence.
 *
 * @module
 */
import { listen, type ListenParts } from "./listen.ts";

/** What is served, and who must be told when it ends. */
export interface ServeParts extends ListenParts {
  /** Turns under way, which get a moment to end by themselves. */
  activeTurns: { readonly size: number; endAll(): Promise<void> };
  /** Called when nothing new may begin. */
  onDrain: () => void;
  /** Called when nobody is served any more; gets a moment. */
  onStop: () => Promise<void>;
}

/** Until when after the signal each step may go on. Deno Deploy allows 5 s in all. */
const UNTIL_MS = {
  /** Turns under way end by themselves. */
  drain: 2_500,
  /** Those that have not are ended, and write their last record, if the store answers. */
  clear: 3_000,
  /** The last bytes leave. */
  close: 3_400,
  /** The store lets go of what it holds. */
  stop: 3_800,
};

/** How long the last bytes may need after Deno 2.5 says that they have left. */
const FLUSH_MS = 50;

/**
 * Serves until SIGINT or SIGTERM.
 *
 * @param onListen told the server's address
 * @throws {Error} when the address can't be listened on
 */
export async function serve(
  parts: ServeParts,
  onListen: (url: string) => void,
): Promise<void> {
  const { activeTurns, log } = parts;
  // Whoever is told that it listens may send one at once.
  const stopping = nextSignal();
  const listener = listen(parts);
  onListen(listener.url);
  log.info("server.stopping", { signal: await stopping });
  parts.onDrain();
  const startedAt = performance.now();
  const left = (step: keyof typeof UNTIL_MS) =>
    startedAt + UNTIL_MS[step] - performance.now();
  while (activeTurns.size > 0 && left("drain") > 0) await delay(20);
  await Promise.race([activeTurns.endAll(), delay(left("clear"))]);
  await Promise.race([listener.shutdown(), delay(left("close"))]);
  await delay(FLUSH_MS);
  await Promise.race([parts.onStop(), delay(left("stop"))]);
  log.info("server.stopped");
}

function nextSignal(): Promise<Deno.Signal> {
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM"];
  return new Promise((resolve) => {
    for (const signal of signals) {
      Deno.addSignalListener(signal, () => resolve(signal));
    }
  });
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/**
 * The next steps, one a line.
 *
 * @param page the address of the page for trying the agent, with its token
 */
export function nextSteps(
  { url, ownSecret, page }: {
    url: string;
    ownSecret: boolean;
    page?: string | undefined;
  },
): string[] {
  const { port } = new URL(url);
  const terminal = page ? "In a terminal:     " : "Talk to it:        ";
  return [
    ...(page ? [`Talk to it:         ${page}`] : []),
    `${terminal} deno task say "Hello"`,
    `Look for mistakes:  deno task doctor`,
    `Open it to the web: cloudflared tunnel --url http://localhost:${port}`,
    `Connect Layercode:  enter https://<the tunnel's address>/agent as your agent's webhook URL` +
    (ownSecret ? "" : ", put its secret in .env as LAYERCODE_WEBHOOK_SECRET"),
  ];
}

/** What a start says, for a terminal. Names are spelt as the settings spell them. */
export function toBanner(
  parts: Parameters<typeof nextSteps>[0] & {
    version: string;
    provider: string;
    model: string;
    store: string;
    dataDir: string;
  },
): string {
  const { version, url, provider, model, store, dataDir, ownSecret } = parts;
  const vendor = provider === "echo"
    ? "none: echo, a stand-in that repeats what it hears"
    : `${provider}, ${model}`;
  const secret = ownSecret
    ? "LAYERCODE_WEBHOOK_SECRET"
    : `${dataDir}/webhook-secret (made on the first start)`;
  return [
    "",
    `  Parley ${version} listens on ${url}`,
    "",
    `  model     ${vendor}`,
    `  sessions  ${store === "file" ? `${dataDir}/sessions` : store}`,
    `  webhook   ${url}/agent`,
    `  secret    ${secret}`,
    "",
    ...nextSteps(parts).map((line) => `  ${line}`),
    "",
  ].join("\n");
}
