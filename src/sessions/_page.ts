/**
 * Pages of a list that is at hand as a whole.
 *
 * @module
 */
import { head } from "./fit.ts";
import {
  type ListOptions,
  PAGE_SIZE,
  PREVIEW_LENGTH,
  type SessionInfo,
  type SessionPage,
} from "./store.ts";

/**
 * Cuts a page out of a sorted list. The cursor is the page's last id, so that
 * what is added or deleted meanwhile shifts nothing; one that is gone itself
 * ends the list.
 */
export function toPage(
  infos: readonly SessionInfo[],
  { limit = PAGE_SIZE, cursor }: ListOptions = {},
): SessionPage {
  const start = cursor === undefined
    ? 0
    : infos.findIndex(({ id }) => id === cursor) + 1 || infos.length;
  const page = infos.slice(start, start + limit);
  const last = page.at(-1);
  return {
    sessions: [...page],
    ...(last && start + limit < infos.length ? { cursor: last.id } : {}),
  };
}

/** The part of a {@linkcode SessionInfo} that shows the caller's first words, where there are any. */
export function toPreview(words: string | undefined): { preview?: string } {
  return words ? { preview: head(words, PREVIEW_LENGTH) } : {};
}
