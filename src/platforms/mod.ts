/**
 * The platforms. Another one is another folder, a line in each of the two
 * lists below, and its options where `main.ts` puts the parts together.
 *
 * @module
 */
import type { Routes } from "../server/router.ts";
import { layercode, type LayercodeOptions } from "./layercode/mod.ts";
import { openai, type OpenAiOptions } from "./openai/mod.ts";
import type { PlatformParts } from "./platform.ts";

/** What each platform is told by its owner. */
export interface PlatformOptions {
  /** Layercode's. */
  layercode: LayercodeOptions;
  /** Of those that ask as they would ask OpenAI. Absent: none may. */
  openai?: OpenAiOptions | undefined;
}

/** Makes the routes of all platforms. */
export function createPlatformRoutes(
  parts: PlatformParts,
  options: PlatformOptions,
): Routes {
  return {
    ...layercode.createRoutes(parts, options.layercode),
    ...(options.openai ? openai.createRoutes(parts, options.openai) : {}),
  };
}
