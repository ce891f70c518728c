/**
 * The playground: a page that plays the role of Layercode, so that the agent can
 * be tried without an account. The server signs each turn of the page and passes
 * it to the handler of the webhook, which verifies it like any other.
 *
 * @module
 */
import type { Handler, Routes, Sender } from "../../server/router.ts";
import type { Guard } from "../../server/guard.ts";
import { readBody } from "../../server/http.ts";
import { DETAILS_HEADER } from "../../platforms/layercode/sse.ts";
import { sign } from "../../platforms/layercode/verify.ts";
import { nameModel } from "../figures.js";
import { escape, type Shell } from "../shell.ts";
import type { Provider } from "../../providers/provider.ts";

/** The dependencies of the playground. */
export interface PlaygroundParts {
  /** The handler of `POST /agent`. */
  webhook: Handler;
  /** The webhook secret to sign with. */
  secret: string;
  /** Protects the page and its turns. */
  guard: Guard;
  /** The provider, which the page names. */
  provider: Provider;
  /** Creates the page. */
  shell: Shell;
  /** Answers programs that request `/` without access to the playground. */
  otherwise: Handler;
}

/** Creates the routes of the page, at `/`, and of the turns that it sends. */
export function createPlayground(parts: PlaygroundParts): Routes {
  const { webhook, secret, guard, provider } = parts;
  // Read at each request: the name changes when a provider is found after the
  // start.
  const page: Handler = (request, sender) => {
    const { name, model } = provider;
    return parts.shell({
      title: "Playground",
      room: "playground",
      data: { provider: name },
      facts: `<span class="model">${escape(nameModel(name, model))}</span>
<button type="button" class="quiet" popovertarget="panel">Tools</button>`,
    })(request, sender);
  };

  async function turn(request: Request, sender: Sender): Promise<Response> {
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
    return await webhook(signed, sender);
  }

  return {
    "/": { GET: guard.page(page, parts.otherwise) },
    "/playground/turn": { POST: guard.route(turn) },
  };
}
