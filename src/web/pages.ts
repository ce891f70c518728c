/**
 * Creates the pages that the settings enable: the playground, the voice page
 * and the stored conversations. To remove one, delete it here and its folder.
 * Their scripts and styles are served from this folder, unchanged.
 *
 * @module
 */
import type { ActiveTurns } from "../conversation/active_turns.ts";
import type { LayercodeSettings } from "../platforms/layercode/settings.ts";
import type { Provider } from "../providers/provider.ts";
import { createGuard } from "../server/guard.ts";
import { createHome } from "../server/health.ts";
import { notFound } from "../server/http.ts";
import { createSecretCheck, type SecretCheckParts } from "../server/limits.ts";
import { type Handler, lastSegment, type Routes } from "../server/router.ts";
import type { SessionStore } from "../sessions/store.ts";
import { createPlayground } from "./playground/mod.ts";
import { createAdmin } from "./sessions/mod.ts";
import { createShell } from "./shell.ts";
import { createVoice } from "./voice/mod.ts";
import type { WebSettings } from "./settings.ts";

/** The HTML shown to a browser that lacks the token. */
const LOCKED = `<h1>This page needs its token</h1>
<p>
Open the address that Parley printed when it started. It ends in
<code>?token=…</code>
</p>
<p>In Docker it is in the log: <code>docker compose logs parley</code></p>
<p>
Each start makes a new token, unless <code>PLAYGROUND_TOKEN</code> sets one.
</p>`;

/**
 * Creates the routes of every enabled page, and `/` even without the playground.
 *
 * @param parts `secrets` are the webhook secrets, of which the playground signs
 * with the first; `token` opens the playground and the voice page
 * @returns `entrance` is the path of the page to open first with the token, if
 * the token opens any
 */
export function createPages(
  parts: SecretCheckParts & {
    config: WebSettings & {
      playground: boolean;
      webhookSecrets: readonly string[];
      layercode: LayercodeSettings;
    };
    secrets: readonly string[];
    token: string;
    version: string;
    webhook: Handler;
    provider: Provider;
    store: SessionStore;
    activeTurns: ActiveTurns;
  },
): { routes: Routes; entrance: "/" | "/voice" | undefined } {
  const { config, version } = parts;
  const { adminToken, layercode: { apiKey, agentId, apiUrl } } = config;
  const [secret] = parts.secrets;
  const hasSecret = config.webhookSecrets.length > 0;

  const hasPlayground = config.playground && secret !== undefined;
  const hasVoice = apiKey !== undefined && agentId !== undefined;
  const hasAdmin = adminToken !== undefined;
  const shell = createShell([
    ...hasPlayground ? [{ href: "/", name: "Playground" }] : [],
    ...hasVoice ? [{ href: "/voice", name: "Voice" }] : [],
    ...hasAdmin ? [{ href: "/sessions", name: "Conversations" }] : [],
  ]);
  const locked = shell({ title: "Locked", content: LOCKED, status: 403 });
  const checkSecret = createSecretCheck(parts);
  const guard = createGuard({ ...parts, hasSecret, locked, checkSecret });

  const otherwise = createHome(version, "at the address printed at the start");
  return {
    routes: {
      "/": { GET: createHome(version) },
      ...createFiles(),
      ...hasPlayground
        ? createPlayground({ ...parts, secret, guard, shell, otherwise })
        : {},
      ...hasVoice ? createVoice({ agentId, apiUrl, guard, shell }) : {},
      ...hasAdmin
        ? createAdmin({ ...parts, token: adminToken, checkSecret, shell })
        : {},
    },
    entrance: hasPlayground ? "/" : hasVoice ? "/voice" : undefined,
  };
}

const TYPES = new Map([
  ["css", "text/css; charset=utf-8"],
  ["js", "text/javascript; charset=utf-8"],
]);

/** Creates the routes of the scripts and styles, which need no token. */
export function createFiles(): Routes {
  const rooms = ["", "playground/", "voice/", "sessions/"];
  return Object.fromEntries(
    rooms.map((room) => [`/web/${room}*`, { GET: serveFrom(room) }]),
  );
}

function serveFrom(room: string): Handler {
  return async (request) => {
    const name = lastSegment(request);
    const type = TYPES.get(/^[a-z_]+\.(\w+)$/.exec(name)?.[1] ?? "");
    if (type === undefined) throw notFound();
    const file = new URL(room + name, import.meta.url);
    const bytes = await Deno.readFile(file).catch((error) => {
      throw error instanceof Deno.errors.NotFound ? notFound() : error;
    });
    return new Response(bytes, {
      headers: {
        "content-type": type,
        "cache-control": "no-cache",
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
      },
    });
  };
}
