/**
 * Runs the server until a signal comes, then shuts it down gracefully: answers
 * under way get time to finish.
 *
 * @module
 */
import { listen, type ListenParts } from "./listen.ts";

/** What is served, and the callbacks of the shutdown. */
export interface ServeParts extends ListenParts {
  /** Turns under way, which get time to end by themselves. */
  activeTurns: { readonly size: number; endAll(): Promise<void> };
  /** Called when the shutdown begins: nothing new may start. */
  onDrain: () => void;
  /** Called when the connections are closed; has to resolve soon. */
  onStop: () => Promise<void>;
}

/** When each step of the shutdown must be done, in milliseconds after the signal. Deno Deploy allows 5 s in total. */
const STEP_DEADLINES_MS = {
  /** Turns under way end by themselves. */
  drain: 2_500,
  /** Turns that are left are stopped, and write their last record if the store answers. */
  clear: 3_000,
  /** The last bytes are sent. */
  close: 3_400,
  /** The store is closed. */
  stop: 3_800,
};

/** How long the last bytes may take after Deno 2.5 says that they were sent. */
const FLUSH_MS = 50;

/**
 * Serves until SIGINT or SIGTERM.
 *
 * @param onListen called with the server's URL
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
  const left = (step: keyof typeof STEP_DEADLINES_MS) =>
    startedAt + STEP_DEADLINES_MS[step] - performance.now();
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
 * Returns what to do next, one step a line.
 *
 * @param page the URL of the page for trying the agent, with its token
 */
export function nextSteps(
  { url, ownSecret, page }: {
    url: string;
    ownSecret: boolean;
    page?: string | undefined;
  },
): string[] {
  // A URL leaves out port 80.
  const port = new URL(url).port || "80";
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

/** Returns the text that a start prints on a terminal. Names are spelled as in the settings. */
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
