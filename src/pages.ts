/**
 * Which pages there are, by the settings: the playground, the voice page and
 * the kept conversations. Each room could be taken out here and deleted.
 *
 * @module
 */
import { createAdmin } from "./admin/mod.ts";
import { createHome, type Handler, type Routes, type Sender } from "./app.ts";
import type { Config } from "./config.ts";
import type { ActiveTurns } from "./conversation/active_turns.ts";
import { createHeader } from "./header.ts";
import type { Log } from "./log.ts";
import { createPage } from "./page.ts";
import { createPlayground, isWelcome } from "./playground/mod.ts";
import type { Provider } from "./providers/provider.ts";
import type { SessionStore } from "./sessions/store.ts";
import { createVoice } from "./voice/mod.ts";

/** What pages are made of. */
export interface PagesParts {
  /** Says which there are. */
  config: Config;
  /** The handler of `POST /agent`, which the playground talks to. */
  webhook: Handler;
  /** The webhook secrets; the playground signs with the first. */
  secrets: readonly string[];
  /** Named by the playground. */
  provider: Provider;
  /** Where the kept conversations are. */
  store: SessionStore;
  /** Where a turn may be under way in one that is deleted. */
  activeTurns: ActiveTurns;
  /** Parley's own version. */
  version: string;
  /** Told what the pages meet with. */
  log: Log;
}

/** Makes what answers at `/`, and the routes of every page that is switched on. */
export function createPages(
  parts: PagesParts,
): { home: Handler; routes: Routes } {
  const { config, webhook, provider, store, activeTurns, version, log } = parts;
  const { adminToken, layercode: { apiKey, agentId, apiUrl } } = config;
  const [secret] = parts.secrets;
  const ownSecret = config.webhookSecrets.length > 0;
  // A tunnel must not hand strangers the owner's model.
  const isLocalOnly = ownSecret;
  const otherwise = createHome(
    version,
    config.playground
      ? "not through a proxy or a tunnel" +
        (isLocalOnly ? ", and beside a secret for its own machine alone" : "")
      : undefined,
  );

  const hasPlayground = config.playground && secret !== undefined;
  const hasVoice = apiKey !== undefined && agentId !== undefined;
  const hasAdmin = adminToken !== undefined;
  const header = createHeader([
    ...hasPlayground
      ? [{
        href: "/",
        name: "Playground",
        isFor: (request: Request, sender?: Sender) =>
          isWelcome(request, sender, isLocalOnly),
      }]
      : [],
    ...hasVoice ? [{ href: "/voice", name: "Voice" }] : [],
    ...hasAdmin ? [{ href: "/sessions", name: "Conversations" }] : [],
  ]);

  const playground = hasPlayground
    ? createPlayground({
      webhook,
      secret,
      isLocalOnly,
      secretPlace: ownSecret
        ? { variable: "LAYERCODE_WEBHOOK_SECRET" }
        : { file: `${config.dataDir}/webhook-secret` },
      version,
      provider,
      header,
      otherwise,
    })
    : undefined;
  const voice = hasVoice
    ? createVoice({
      agentId,
      apiUrl,
      registry: config.npmRegistry,
      version,
      header,
      log,
    })
    : undefined;
  const admin = hasAdmin
    ? createAdmin({ token: adminToken, store, activeTurns, header })
    : undefined;
  return {
    home: playground?.home ?? otherwise,
    routes: {
      "/page.css": { GET: file("page.css") },
      "/dom.js": { GET: file("dom.js") },
      ...playground?.routes,
      ...voice,
      ...admin,
    },
  };
}

function file(name: string): Handler {
  return createPage(new URL(`./${name}`, import.meta.url));
}
