/**
 * The playground: a page that plays Layercode's part, so that the agent can be
 * tried without an account. Each turn is signed here and goes through the
 * webhook's own handler, verification included.
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

/** What the playground is made of. */
export interface PlaygroundParts {
  /** The handler of `POST /agent`. */
  webhook: Handler;
  /** The webhook secret to sign with. */
  secret: string;
  /** Says who may have it. */
  guard: Guard;
  /** Named on the page. */
  provider: Provider;
  /** Makes the page. */
  shell: Shell;
  /** Answers programs at `/` that may not have the playground. */
  otherwise: Handler;
}

/** Makes the playground's page, for `/`, and what that page sends its turns to. */
export function createPlayground(parts: PlaygroundParts): Routes {
  const { webhook, secret, guard, provider } = parts;
  // A provider that was looked for and found since goes by another name.
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
