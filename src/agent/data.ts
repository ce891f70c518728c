/**
 * What happens when a page sends something to the agent. Yours to edit.
 *
 * @module
 */
import type { DataHandler } from "../conversation/data.ts";

/**
 * Called once for each piece of data that a page sends. What it returns, any
 * JSON, is sent back to the page.
 *
 * @example
 * ```ts
 * import type { DataHandler } from "../conversation/data.ts";
 *
 * const onData: DataHandler = (data, { conversationId }) => {
 *   return { received: data, conversationId };
 * };
 * ```
 */
export const onData: DataHandler = (): unknown => undefined;
