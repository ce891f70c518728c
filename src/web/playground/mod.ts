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

/** Creates the routes of the page, and of its turns. `otherwise` answers programs that lack access. */
export function createPlayground(
  { webhook, secret, provider, guard, shell, otherwise }: {
    webhook: Handler;
    secret: string;
    provider: Provider;
    guard: Guard;
    shell: Shell;
    otherwise: Handler;
  },
): Routes {
  // Read at each request: the name changes when a provider is found after the
  // start.
  const page: Handler = (request, sender) => {
    const { name, model } = provider;
    return shell({
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
    "/": { GET: guard.page(page, otherwise) },
    "/playground/turn": { POST: guard.route(turn) },
  };
}
