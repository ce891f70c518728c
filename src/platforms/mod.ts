/**
 * The platforms. Another one is another folder, a line of the list below, and
 * its options where `main.ts` puts the parts together.
 *
 * @module
 */
import type { Routes } from "../server/router.ts";
import type { AuthorizeOptions } from "./layercode/authorize.ts";
import { layercode } from "./layercode/mod.ts";
import { openai, type OpenAiOptions } from "./openai/mod.ts";
import type { PlatformParts } from "./platform.ts";

/**
 * Makes the routes of all platforms.
 *
 * @param options what each is told by its owner. None asks as it would ask
 * OpenAI where nothing is told of that
 */
export function createPlatformRoutes(
  parts: PlatformParts,
  options: { layercode: AuthorizeOptions; openai?: OpenAiOptions | undefined },
): Routes {
  return {
    ...layercode(parts, options.layercode),
    ...(options.openai ? openai(parts, options.openai) : {}),
  };
}
