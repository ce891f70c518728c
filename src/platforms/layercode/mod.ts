/**
 * Layercode: it posts what a caller says to a webhook and speaks the answer,
 * which is streamed back; browsers get their session keys through us.
 *
 * https://docs.layercode.com
 *
 * @module
 */
import type { Platform } from "../platform.ts";
import { type AuthorizeOptions, createAuthorize } from "./authorize.ts";
import { createWebhook } from "./webhook.ts";

/** Layercode. */
export const layercode: Platform<AuthorizeOptions> = {
  createRoutes(parts, options) {
    const webhook = { POST: createWebhook(parts, options) };
    const handle = createAuthorize(parts, options);
    const authorize = { POST: handle, OPTIONS: handle };
    return {
      "/agent": webhook,
      "/api/agent": webhook,
      "/authorize": authorize,
      "/api/authorize": authorize,
    };
  },
};
