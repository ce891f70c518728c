/**
 * The `/sessions` API and its page, where the owner reads and deletes stored
 * conversations. They need `ADMIN_TOKEN`; if it is unset, they don't exist.
 *
 * @module
 */
import type { SecretCheck } from "../../server/limits.ts";
import { type Handler, lastSegment, type Routes } from "../../server/router.ts";
import type { ActiveTurns } from "../../conversation/active_turns.ts";
import { HttpError, json } from "../../server/http.ts";
import type { Shell } from "../shell.ts";
import { toDocument, toRecordings } from "../../sessions/document.ts";
import { PAGE_SIZE, type SessionStore } from "../../sessions/store.ts";

/** The maximum number of conversations that one response lists. */
const MAX_PAGE_SIZE = 200;

/** Creates the routes of the API, which need the bearer token, and of the page. */
export function createAdmin(
  { token, checkSecret, store, activeTurns, shell }: {
    token: string;
    checkSecret: SecretCheck;
    store: SessionStore;
    activeTurns: ActiveTurns;
    shell: Shell;
  },
): Routes {
  const withToken = createTokenGuard(token, checkSecret);
  const page = shell({ title: "Conversations", room: "sessions" });

  /** Serves the page, which asks for the token, to a browser that opens the address. */
  function orPage(handler: Handler): Handler {
    return async (request, sender) => {
      const isBrowser = request.headers.get("accept")?.includes("text/html");
      const response = await (isBrowser ? page : handler)(request, sender);
      response.headers.set("vary", "accept");
      return response;
    };
  }

  async function list(request: Request): Promise<Response> {
    const query = new URL(request.url).searchParams;
    const cursor = query.get("cursor");
    return json(
      await store.list({
        limit: readLimit(query.get("limit")),
        ...(cursor ? { cursor } : {}),
      }),
    );
  }

  async function show(request: Request): Promise<Response> {
    const session = await store.load(lastSegment(request));
    if (session.isEmpty) throw noSuchConversation();
    return json(toDocument(session));
  }

  async function remove(request: Request): Promise<Response> {
    const id = lastSegment(request);
    await activeTurns.end(id);
    // A conversation that can't be read can still be deleted.
    const recordings = await store.load(id).then(toRecordings, () => []);
    if (!await store.delete(id)) throw noSuchConversation();
    if (recordings.length === 0) return new Response(null, { status: 204 });
    return json({ deleted: id, recordings_kept_elsewhere: recordings });
  }

  return {
    "/sessions": { GET: orPage(withToken(list)) },
    "/sessions/*": { GET: orPage(withToken(show)), DELETE: withToken(remove) },
  };
}

function createTokenGuard(token: string, checkSecret: SecretCheck) {
  // `Headers` returns each byte of a header as one character.
  const right = String.fromCharCode(...new TextEncoder().encode(token));
  return (handler: Handler): Handler => (request, sender) => {
    const header = request.headers.get("authorization") ?? "";
    const [, ...given] = /^Bearer +(.+)$/i.exec(header) ?? [];
    if (checkSecret(given, [right], sender) !== undefined) {
      return handler(request, sender);
    }
    throw new HttpError(
      401,
      "invalid_token",
      "Send the server's ADMIN_TOKEN, as authorization: Bearer <token>",
      { "www-authenticate": 'Bearer realm="sessions"' },
    );
  };
}

function readLimit(text: string | null): number {
  if (text === null) return PAGE_SIZE;
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAX_PAGE_SIZE) {
    return limit;
  }
  throw new HttpError(
    400,
    "invalid_limit",
    `limit must be a whole number from 1 to ${MAX_PAGE_SIZE}`,
  );
}

function noSuchConversation(): HttpError {
  return new HttpError(404, "not_found", "There is no such conversation");
}
