/**
 * Runs the server until a signal comes, then shuts it down gracefully: answers
 * under way get time to finish.
 *
 * @module
 */
import { delay } from "./deadline.ts";
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

/** How long the last bytes may take after Deno 2.5 says that they were sent. */
const FLUSH_MS = 50;

/**
 * Serves until SIGINT or SIGTERM. The shutdown takes less than four seconds: Deno
 * Deploy allows five.
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
  const elapsed = () => performance.now() - startedAt;
  const until = (ms: number) => delay(ms - elapsed());
  // Turns under way may end by themselves.
  while (activeTurns.size > 0 && elapsed() < 2_500) await delay(20);
  // Turns that are left write their last record if the store answers.
  await Promise.race([activeTurns.endAll(), until(3_000)]);
  await Promise.race([listener.shutdown(), until(3_400)]);
  await delay(FLUSH_MS);
  await Promise.race([parts.onStop(), until(3_800)]);
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

/** What the owner is told of a start. Names are spelled as in the settings. */
export type Start = {
  version: string;
  url: string;
  provider: string;
  model: string;
  store: string;
  dataDir: string;
  /** Whether the owner set the webhook secret. */
  ownSecret: boolean;
  /** The URL of the page for trying the agent, with its token. */
  page?: string | undefined;
};

/** Returns what to do next, one step a line. */
export function nextSteps({ url, ownSecret, page }: Start): string[] {
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

/** Returns the text that a start prints on a terminal. */
export function toBanner(start: Start): string {
  const { version, url, provider, model, store, dataDir, ownSecret } = start;
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
    ...nextSteps(start).map((line) => `  ${line}`),
    "",
  ].join("\n");
}
