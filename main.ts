/**
 * Parley, a backend that gives a voice agent its mind. This file connects the
 * parts, whose code is in `src`.
 *
 * @module
 */
import deno from "./deno.json" with { type: "json" };
import { authorize } from "./src/agent/authorize.ts";
import { onData } from "./src/agent/data.ts";
import { type App, createApp } from "./src/server/router.ts";
import { type Config, loadConfig } from "./src/settings/config.ts";
import { ActiveTurns } from "./src/conversation/active_turns.ts";
import {
  type ConversationParts,
  Conversations,
} from "./src/conversation/conversation.ts";
import { toBeginning } from "./src/conversation/question.ts";
import { createStateless } from "./src/conversation/stateless.ts";
import type { Tool } from "./src/conversation/tools.ts";
import { builtin } from "./src/server/builtin.ts";
import { createHealth, createReady } from "./src/server/health.ts";
import { layercode } from "./src/platforms/layercode/mod.ts";
import { openai, refuse } from "./src/platforms/openai/mod.ts";
import {
  createLog,
  explain,
  type Log,
  printError,
  printText,
} from "./src/server/log.ts";
import { createPages } from "./src/web/pages.ts";
import { chooseProvider, prepare } from "./src/providers/choice.ts";
import { FILES, findUnknown } from "./src/settings/environment.ts";
import { findSecrets } from "./src/settings/secret.ts";
import { nextSteps, serve, toBanner } from "./src/server/serve.ts";
import {
  createStore,
  findPlainText,
  startRetention,
} from "./src/sessions/mod.ts";
import { catchUnhandled, runNamed } from "./src/server/unhandled.ts";

type Parts = Awaited<ReturnType<typeof makeParts>>;

async function main(): Promise<void> {
  const config = await loadConfig(Deno.env);
  // The files hold keys, and nothing reads them after this.
  for (const path of Object.values(FILES)) {
    await Deno.permissions.revoke({ name: "read", path });
  }
  const log = createLog(config.log);
  catchUnhandled(log);
  const { detail: message, fix } = findUnknown(config) ?? {};
  if (message) log.warn("settings.unknown", { message, fix });
  const parts = await makeParts(config, log);
  const { app, entrance } = createRoutes(parts);
  let stopRetention = () => Promise.resolve();
  const served = serve({
    ...parts,
    app,
    onDrain: () => parts.draining.abort(),
    onStop: async () => {
      await stopRetention();
      await parts.store.close();
    },
  }, (url) => {
    stopRetention = prepareAll(parts);
    greet(parts, url, entrance);
    // Loaded now, so that the first caller need not wait for it.
    builtin("node:crypto");
  });
  // If a tool can't be loaded, the start fails.
  await Promise.all([served, parts.tools]);
}

async function makeParts(config: Config, log: Log) {
  const provider = await chooseProvider(config, log);
  const store = createStore(config, log);
  const plain = findPlainText(config.sessionStore, Deno.env.get("PGSSLMODE"));
  if (plain) {
    log.warn("store.plain_text", { detail: plain.detail, fix: plain.fix });
  }
  // Tools are loaded once the server listens: zod, which checks their arguments,
  // takes half as long to load as everything else.
  const toolLoading = Promise.withResolvers<readonly Tool[]>();
  const draining = new AbortController();
  const conversation = {
    store,
    provider,
    agent: config.agent,
    tools: toolLoading.promise,
    isDraining: () => draining.signal.aborted,
    log,
    now: Date.now,
    activeTurns: new ActiveTurns({ max: config.maxTurns }),
    onData: (data, context) => runNamed("onData", () => onData(data, context)),
  } satisfies ConversationParts;
  return {
    ...conversation,
    config,
    secrets: await findSecrets(config, log),
    token: config.playgroundToken ?? crypto.randomUUID(),
    version: deno.version,
    uptime: () => performance.now(),
    toolLoading,
    draining,
  };
}

/** Returns the app that answers every request, and the path of the page to open first. */
function createRoutes(parts: Parts) {
  const { config, log, now, secrets, uptime } = parts;
  const { publicUrl, openai: { keys, platformPrompt } } = config;
  const conversations = new Conversations(parts);
  const platformParts = { conversations, log, now };
  const pages = createPages({
    ...parts,
    webhook: (request, sender) => app(request, sender),
  });
  const health = { ...parts, now: uptime };
  const app: App = createApp({
    ...parts,
    refuse,
    routes: {
      ...layercode(platformParts, {
        ...config.layercode,
        secrets,
        publicUrl,
        authorize: (request) => runNamed("authorize", () => authorize(request)),
      }),
      ...keys && openai(platformParts, {
        keys,
        platformPrompt,
        stateless: createStateless(parts),
      }),
      ...pages.routes,
      "/health": { GET: createHealth(health) },
      "/ready": { GET: createReady(health) },
    },
  });
  return { app, entrance: pages.entrance };
}

/** Prepares what the first caller would wait for. Returns what stops the deleting of old conversations. */
function prepareAll(parts: Parts): () => Promise<void> {
  const { config, toolLoading, provider, store, log } = parts;
  toolLoading.resolve(import("./src/agent/mod.ts").then(({ tools }) => tools));
  toBeginning(parts).then((beginning) => prepare(provider, beginning, log));
  // Connects, and creates files or tables. The store may recover from a failure.
  store.check().catch((error) =>
    log.error("store.not_ready", { store: store.name, error })
  );
  return startRetention({ ...parts, days: config.sessionTtlDays });
}

function greet(parts: Parts, url: string, path: string | undefined): void {
  const { config, log, provider, store, token, version } = parts;
  const banner = {
    version,
    url,
    provider: provider.name,
    model: provider.model,
    store: store.name,
    dataDir: config.dataDir,
    ownSecret: config.webhookSecrets.length > 0,
  };
  const entrance = path && `${url}${path}?token=`;
  if (config.log.format === "pretty") {
    const page = entrance && entrance + encodeURIComponent(token);
    printText(toBanner({ ...banner, page }));
    return;
  }
  // Logs are forwarded and stored, so a token that stays valid is left out.
  const shown = config.playgroundToken ? "<PLAYGROUND_TOKEN>" : token;
  if (entrance) log.info("pages.address", { url: entrance + shown });
  log.info("server.listening", { ...banner, next: nextSteps(banner) });
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    printError(`Cannot start: ${explain(error)}`);
    Deno.exit(1);
  }
  Deno.exit(0);
}
