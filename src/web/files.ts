/**
 * Serves the pages' scripts and styles, as they lie in this folder.
 *
 * @module
 */
import { nodeCrypto } from "../server/builtin.ts";
import { notFound } from "../server/http.ts";
import type { Handler, Routes } from "../server/router.ts";

const TYPES: Record<string, string> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
};

/** A path to a script or style: of this folder, or of one folder in it. */
const PATH = /^\/web\/((?:[a-z]+\/)?[a-z_]+\.(css|js))$/;

/** Makes the routes of the files. Whoever may see no page may see these. */
export function createFiles(): Routes {
  const rooms = ["", "playground/", "voice/", "sessions/"];
  return Object.fromEntries(
    rooms.map((room) => [`/web/${room}*`, { GET: serveFile }]),
  );
}

const serveFile: Handler = async (request) => {
  const [, path = "", ending = ""] = PATH.exec(new URL(request.url).pathname) ??
    [];
  if (path === "") throw notFound();
  const bytes = await readFile(new URL(path, import.meta.url));
  const etag = `"${
    nodeCrypto().createHash("sha256").update(bytes).digest("base64url")
  }"`;
  const headers = {
    "content-type": TYPES[ending] ?? "",
    "cache-control": "no-cache",
    "cross-origin-resource-policy": "same-origin",
    "x-content-type-options": "nosniff",
    etag,
  };
  // A proxy that compresses makes the tag a weak one.
  const known = request.headers.get("if-none-match")?.replace(/^W\//, "");
  return known === etag
    ? new Response(null, { status: 304, headers })
    : new Response(bytes, { headers });
};

/**
 * Reads a file that may not be there.
 *
 * @throws {HttpError} 404 when it isn't
 */
async function readFile(file: URL): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(file);
  } catch (error) {
    throw error instanceof Deno.errors.NotFound ? notFound() : error;
  }
}
