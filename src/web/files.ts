/**
 * Serves the pages' scripts and styles, as they lie in this folder.
 *
 * @module
 */
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
  const bytes = await Deno.readFile(new URL(path, import.meta.url)).catch(
    (error) => {
      throw error instanceof Deno.errors.NotFound ? notFound() : error;
    },
  );
  return new Response(bytes, {
    headers: {
      "content-type": TYPES[ending] ?? "",
      "cache-control": "no-cache",
      "cross-origin-resource-policy": "same-origin",
      "x-content-type-options": "nosniff",
    },
  });
};
