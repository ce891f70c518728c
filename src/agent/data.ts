/**
 * Handles data that a page sends to the agent. Yours to edit.
 *
 * @module
 */
import type { DataHandler } from "../conversation/data.ts";

/**
 * Called once for each `data` message that a page sends. The returned value, any
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
