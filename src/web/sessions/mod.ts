/**
 * The `/sessions` API and its page: what was said, for the owner, who shows
 * `ADMIN_TOKEN`. Without that setting the room isn't there.
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

/** What the room is made of. */
export interface AdminParts {
  /** The bearer token that every request must carry. */
  token: string;
  /** Slows down who guesses it. */
  checkSecret: SecretCheck;
  /** Where the conversations are. */
  store: SessionStore;
  /** Where a turn may be under way in one that is deleted. */
  activeTurns: ActiveTurns;
  /** Makes the page. */
  shell: Shell;
}

/** The most conversations that one answer lists. */
const MAX_PAGE_SIZE = 200;

/** Makes the routes of the room. */
export function createAdmin(parts: AdminParts): Routes {
  const { store, activeTurns } = parts;
  const locked = createLock(parts);
  const page = parts.shell({ title: "Conversations", room: "sessions" });

  /** A browser that goes to the address gets the page, which asks for the token. */
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
    if (session.isEmpty) throw unknown();
    return json(toDocument(session));
  }

  async function forget(request: Request): Promise<Response> {
    const id = lastSegment(request);
    await activeTurns.end(id);
    // What can't be read can still be deleted.
    const recordings = await store.load(id).then(toRecordings, () => []);
    if (!await store.delete(id)) throw unknown();
    if (recordings.length === 0) return new Response(null, { status: 204 });
    return json({ deleted: id, recordings_kept_elsewhere: recordings });
  }

  return {
    "/sessions": { GET: orPage(locked(list)) },
    "/sessions/*": { GET: orPage(locked(show)), DELETE: locked(forget) },
  };
}

/** Makes what lets through to a handler who shows the token. */
function createLock({ token, checkSecret }: AdminParts) {
  // A header holds bytes, of which each is a letter here.
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

function unknown(): HttpError {
  return new HttpError(404, "not_found", "There is no such conversation");
}
