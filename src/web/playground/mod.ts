/**
 * The playground: a page that plays Layercode's part, so that the agent can be
 * tried without an account. Each turn is signed here and goes through the
 * webhook's own handler, verification included.
 *
 * @module
 */
import type { Handler, Routes } from "../../server/router.ts";
import type { Guard } from "../../server/guard.ts";
import { json, readBody } from "../../server/http.ts";
import { DETAILS_HEADER } from "../../platforms/layercode/sse.ts";
import { sign } from "../../platforms/layercode/verify.ts";
import type { Header } from "../header.ts";
import { createPage } from "../page.ts";
import type { Provider } from "../../providers/provider.ts";

/** What the playground is made of. */
export interface PlaygroundParts {
  /** The handler of `POST /agent`. */
  webhook: Handler;
  /** The webhook secret to sign with. */
  secret: string;
  /** Says who may have it. */
  guard: Guard;
  /** Where the secret is to be found, for the commands that the page copies. */
  secretPlace: { variable: string } | { file: string };
  /** Parley's own version. */
  version: string;
  /** Named on the page. */
  provider: Provider;
  /** What the page begins with. */
  header: Header;
  /** Answers programs at `/` that may not have the playground. */
  otherwise: Handler;
}

/** Makes the playground's page, for `/`, and what that page asks for. */
export function createPlayground(
  parts: PlaygroundParts,
): { home: Handler; routes: Routes } {
  const { webhook, secret, guard, secretPlace, version, provider } = parts;

  function file(name: string): Handler {
    return guard.part(createPage(new URL(`./${name}`, import.meta.url)));
  }

  async function turn(request: Request): Promise<Response> {
    const body = await readBody(request);
    const signed = new Request(new URL("/agent", request.url), {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "layercode-signature": sign(body, secret, Date.now() / 1000),
        [DETAILS_HEADER]: "on",
      },
      body: new Uint8Array(body),
    });
    return await webhook(signed);
  }

  function info(): Response {
    const { name, model } = provider;
    return json({ version, provider: name, model, secret: secretPlace });
  }

  return {
    home: guard.page(
      createPage(new URL("./page.html", import.meta.url), {
        header: parts.header,
      }),
      parts.otherwise,
    ),
    routes: {
      ...Object.fromEntries(
        FILES.map((name) => [`/playground/${name}`, { GET: file(name) }]),
      ),
      "/playground/info": { GET: guard.part(info) },
      "/playground/turn": { POST: guard.part(turn) },
    },
  };
}

/** What the page is made of. */
const FILES = [
  "page.css",
  "call.js",
  "chart.js",
  "composer.js",
  "copying.js",
  "curl.js",
  "data_form.js",
  "drawers.js",
  "heard.js",
  "info.js",
  "keyboard.js",
  "microphone.js",
  "notices.js",
  "offline.js",
  "page.js",
  "raw.js",
  "reading.js",
  "send.js",
  "sentences.js",
  "stage.js",
  "times.js",
  "tools.js",
  "turn.js",
  "view.js",
  "voice_in.js",
  "voice_out.js",
  "voices.js",
];
