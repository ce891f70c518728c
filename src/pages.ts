/**
 * Which pages there are, by the settings: the playground, the voice page and
 * the kept conversations. Each room could be taken out here and deleted.
 *
 * @module
 */
import { createAdmin } from "./admin/mod.ts";
import { createHome, type Handler, type Routes } from "./app.ts";
import type { Config } from "./config.ts";
import type { Floor } from "./conversation/floor.ts";
import type { Log } from "./log.ts";
import { createPage } from "./page.ts";
import { createPlayground } from "./playground/mod.ts";
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
  floor: Floor;
  /** Parley's own version. */
  version: string;
  /** Told what the pages meet with. */
  log: Log;
}

/** Makes what answers at `/`, and the routes of every page that is switched on. */
export function createPages(
  parts: PagesParts,
): { home: Handler; routes: Routes } {
  const { config, store, floor, version, log } = parts;
  const { adminToken, layercode } = config;
  const voice = layercode.apiKey === undefined || !layercode.agentId
    ? undefined
    : createVoice({
      agentId: layercode.agentId,
      apiUrl: layercode.apiUrl,
      registry: config.npmRegistry,
      version,
      log,
    });
  const admin = adminToken === undefined
    ? undefined
    : createAdmin({ token: adminToken, store, floor });
  const playground = makePlayground(parts, {
    voice: voice !== undefined,
    sessions: admin !== undefined,
  });
  return {
    home: playground?.home ?? createHome(version),
    routes: {
      "/page.css": { GET: createPage(new URL("page.css", import.meta.url)) },
      ...playground?.routes,
      ...voice,
      ...admin,
    },
  };
}

function makePlayground(
  parts: PagesParts,
  pages: { voice: boolean; sessions: boolean },
) {
  const { config, webhook, secrets: [secret], provider, version } = parts;
  if (!config.playground || secret === undefined) return undefined;
  const ownSecret = config.webhookSecrets.length > 0;
  return createPlayground({
    webhook,
    secret,
    // A tunnel must not hand strangers the owner's model.
    isLocalOnly: ownSecret,
    secretPlace: ownSecret
      ? { variable: "LAYERCODE_WEBHOOK_SECRET" }
      : { file: `${config.dataDir}/webhook-secret` },
    version,
    provider,
    pages,
    otherwise: createHome(version),
  });
}
