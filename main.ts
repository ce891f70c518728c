/**
 * Parley: gives a voice agent its mind. This file puts the parts together;
 * what they are and do lies in `src`.
 *
 * @module
 */
import deno from "./deno.json" with { type: "json" };
import { authorize } from "./src/agent/authorize.ts";
import { onData } from "./src/agent/data.ts";
import { createApp, type Handler } from "./src/server/router.ts";
import { nextSteps, toBanner } from "./src/server/banner.ts";
import { ConfigError, loadConfig } from "./src/settings/config.ts";
import { createActiveTurns } from "./src/conversation/active_turns.ts";
import {
  type ConversationParts,
  createConversations,
} from "./src/conversation/conversation.ts";
import { toCommonBeginning } from "./src/conversation/question.ts";
import { createStateless } from "./src/conversation/stateless.ts";
import type { Tool } from "./src/conversation/tools.ts";
import type { TurnParts } from "./src/conversation/turn.ts";
import { makeToken } from "./src/server/guard.ts";
import { builtin } from "./src/server/builtin.ts";
import { createHealth, createReady } from "./src/server/health.ts";
import { createPlatformRoutes } from "./src/platforms/mod.ts";
import { createLog, explain, printError, printText } from "./src/server/log.ts";
import { createPages } from "./src/web/pages.ts";
import { chooseProvider, prepare } from "./src/providers/choice.ts";
import { FILES } from "./src/settings/environment.ts";
import { findSecrets } from "./src/settings/secret.ts";
import { serve } from "./src/server/serve.ts";
import { createStore, prepareStore } from "./src/sessions/mod.ts";
import { findPlainText } from "./src/sessions/plain_text.ts";
import { startRetention } from "./src/sessions/retention.ts";
import { catchUnhandled, runNamed } from "./src/server/unhandled.ts";

async function main(): Promise<void> {
  const config = await loadConfig(Deno.env);
  // There are keys in them, and nobody needs them any more.
  for (const path of Object.values(FILES)) {
    await Deno.permissions.revoke({ name: "read", path });
  }
  const log = createLog(config.log);
  catchUnhandled(log);
  const provider = await chooseProvider(config, log);
  const store = createStore(config, log);
  const plain = findPlainText(config.sessionStore, Deno.env.get("PGSSLMODE"));
  if (plain) {
    log.warn("store.plain_text", { detail: plain.detail, fix: plain.fix });
  }
  const activeTurns = createActiveTurns({ max: config.maxTurns });
  const secrets = await findSecrets(config, log);
  const token = config.playgroundToken ?? makeToken();

  const { version } = deno;
  const { agent } = config;
  const now = Date.now;
  // Loaded once the server listens: checking arguments (zod) takes half as long
  // to load as all the rest.
  const tools = Promise.withResolvers<readonly Tool[]>();
  let draining = false;
  const isDraining = () => draining;
  let stopRetention = () => Promise.resolve();
  const uptime = () => performance.now();
  const health = { version, provider, store, log, now: uptime };
  const turnParts: TurnParts = {
    store,
    provider,
    agent,
    tools: tools.promise,
    isDraining,
    log,
    now,
  };
  const conversationParts: ConversationParts = {
    ...turnParts,
    activeTurns,
    onData: (data, context) => runNamed("onData", () => onData(data, context)),
  };
  const conversations = createConversations(conversationParts);
  const { keys } = config.openai;
  const platforms = createPlatformRoutes({ conversations, log, now }, {
    layercode: {
      ...config.layercode,
      secrets,
      publicUrl: config.publicUrl,
      trustedProxies: config.trustedProxies,
      authorize: (request) => runNamed("authorize", () => authorize(request)),
    },
    openai: keys && {
      ...config.openai,
      keys,
      trustedProxies: config.trustedProxies,
      stateless: createStateless(conversationParts),
    },
  });
  const pages = createPages({
    config,
    webhook: (request) => app(request),
    secrets,
    token,
    provider,
    store,
    activeTurns,
    version,
    log,
    now,
  });
  const app: Handler = createApp({
    routes: {
      ...platforms,
      ...pages.routes,
      "/": { GET: pages.home },
      "/health": { GET: createHealth(health) },
      "/ready": { GET: createReady(health) },
    },
    log,
    isDraining,
  });
  const served = serve({
    config,
    app,
    activeTurns,
    log,
    onDrain: () => draining = true,
    onStop: async () => {
      await stopRetention();
      await store.close();
    },
  }, (url) => {
    tools.resolve(import("./src/agent/mod.ts").then(({ tools }) => tools));
    toCommonBeginning(turnParts).then((beginning) =>
      prepare(provider, beginning, log)
    );
    prepareStore(store, log);
    stopRetention = startRetention({
      store,
      days: config.sessionTtlDays,
      log,
      now,
      uptime,
    });
    const banner = {
      version,
      url,
      provider: provider.name,
      model: provider.model,
      store: store.name,
      dataDir: config.dataDir,
      ownSecret: config.webhookSecrets.length > 0,
    };
    const entrance = pages.entrance && `${url}${pages.entrance}?token=`;
    if (config.log.format === "pretty") {
      const page = entrance && entrance + encodeURIComponent(token);
      printText(toBanner({ ...banner, page }));
    } else {
      // Logs are sent on and kept: a token that outlives this start stays out.
      const shown = config.playgroundToken ? "<PLAYGROUND_TOKEN>" : token;
      if (entrance) log.info("pages.address", { url: entrance + shown });
      log.info("server.listening", { ...banner, next: nextSteps(banner) });
    }
    // Now, so that the first caller need not wait for it.
    builtin("node:crypto");
  });
  // A tool that can't be loaded ends the start.
  await Promise.all([served, tools.promise]);
}

if (import.meta.main) {
  try {
    await main();
  } catch (error) {
    printError(
      error instanceof ConfigError
        ? error.message
        : `Cannot start: ${explain(error)}`,
    );
    Deno.exit(1);
  }
  Deno.exit(0);
}
