/**
 * Decides who may start a call from a web page, and what the agent knows about
 * them. Yours to edit.
 *
 * @module
 */
import type { Approval, AuthorizeHandler } from "../platforms/authorize.ts";

/**
 * Called before a page gets its session key, which costs money. This version
 * allows everybody whom `ALLOWED_ORIGINS` and the limits let through, and gives
 * the agent no metadata.
 *
 * @example Allow only users who are logged in
 * ```ts
 * import type { AuthorizeHandler } from "../platforms/authorize.ts";
 *
 * const users = new Map([["login=secret", { id: "7", name: "Ada" }]]);
 *
 * const authorize: AuthorizeHandler = ({ headers }) => {
 *   const user = users.get(headers.get("cookie") ?? "");
 *   if (user === undefined) {
 *     return { allow: false, reason: "Log in first", tellPage: true };
 *   }
 *   return { allow: true, user: user.id, metadata: { name: user.name } };
 * };
 * ```
 */
export const authorize: AuthorizeHandler = (): Approval => ({
  allow: true,
});
