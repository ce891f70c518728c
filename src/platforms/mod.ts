/**
 * The platforms. To add one, add a folder, a line in the function below, and its
 * options in `main.ts`.
 *
 * @module
 */
import type { HttpError } from "../server/http.ts";
import type { Routes } from "../server/router.ts";
import type { AuthorizeOptions } from "./layercode/authorize.ts";
import { layercode } from "./layercode/mod.ts";
import { openai, type OpenAiOptions } from "./openai/mod.ts";
import type { PlatformParts } from "./platform.ts";

/**
 * Creates the routes of all platforms.
 *
 * @param options each platform's options. Without those of `openai`, its routes
 * are left out
 */
export function createPlatformRoutes(
  parts: PlatformParts,
  options: { layercode: AuthorizeOptions; openai?: OpenAiOptions | undefined },
): Routes {
  return {
    ...layercode.createRoutes(parts, options.layercode),
    ...(options.openai ? openai.createRoutes(parts, options.openai) : {}),
  };
}

/** Writes an error in the format of the platform that uses this path. */
export function refuse(error: HttpError, path: string): Response {
  return openai.refuse?.(error, path) ?? error.toResponse();
}
