/**
 * Which pages there are, by the settings: the playground, the voice page and
 * the kept conversations. Each room could be taken out here and deleted. Their
 * scripts and styles are served as they lie in this folder.
 *
 * @module
 */
import { type AdminParts, createAdmin } from "./sessions/mod.ts";
import { type Handler, lastSegment, type Routes } from "../server/router.ts";
import type { LayercodeSettings } from "../platforms/layercode/settings.ts";
import { createGuard } from "../server/guard.ts";
import { createHome } from "../server/health.ts";
import { notFound } from "../server/http.ts";
import { createSecretCheck, type SecretCheckParts } from "../server/limits.ts";
import { createPlayground, type PlaygroundParts } from "./playground/mod.ts";
import { createShell } from "./shell.ts";
import { createVoice } from "./voice/mod.ts";
import type { WebSettings } from "./settings.ts";

/** What says which pages there are. */
export interface PagesSettings extends WebSettings {
  /** Whether `/` is the playground. */
  playground: boolean;
  /** The webhook secrets that the owner gave. */
  webhookSecrets: readonly string[];
  /** For the voice page. */
  layercode: LayercodeSettings;
}

/** What pages are made of. */
export interface PagesParts
  extends
    SecretCheckParts,
    Pick<PlaygroundParts, "webhook" | "provider">,
    Pick<AdminParts, "store" | "activeTurns"> {
  /** Says which there are. */
  config: PagesSettings;
  /** The webhook secrets; the playground signs with the first. */
  secrets: readonly string[];
  /** Lets others than this machine have the playground and the voice page. */
  token: string;
  /** Parley's own version. */
  version: string;
}

/** What whoever may not enter gets to read, as HTML. */
const LOCKED = `<h1>This page needs its token</h1>
<p>
Open the address that Parley printed when it started. It ends in
<code>?token=…</code>
</p>
<p>In Docker it is in the log: <code>docker compose logs parley</code></p>
<p>
A token is made at each start; <code>PLAYGROUND_TOKEN</code> sets one that stays.
</p>`;

/** The pages that are switched on. */
export interface Pages {
  /** Their routes, `/` among them. */
  routes: Routes;
  /** The path of the page to begin with that the token opens, if there is one. */
  entrance: "/" | "/voice" | undefined;
}

/** Makes the routes of every page that is switched on, and `/` where none is there. */
export function createPages(parts: PagesParts): Pages {
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

/** Makes the routes of the scripts and styles. Whoever may see no page may see these. */
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
