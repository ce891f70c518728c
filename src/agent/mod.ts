/**
 * The agent's tools. To add one, write a file in `tools/` and a line here. Yours
 * to edit.
 *
 * @module
 */
import type { Tool } from "../conversation/tools.ts";
import { currentTime } from "./tools/current_time.ts";
import { rememberNote } from "./tools/remember_note.ts";

/** The tools that the model may call. */
export const tools: Tool[] = [
  currentTime,
  rememberNote,
];
