/**
 * What a list shows.
 *
 * @module
 */
import { head } from "./fit.ts";
import type { SessionRecord } from "./record.ts";
import {
  type ListOptions,
  PAGE_SIZE,
  type SessionInfo,
  type SessionPage,
} from "./store.ts";

/** How much of the caller's first words. */
const PREVIEW_LENGTH = 120;

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
  const sessions = infos.slice(start, start + limit);
  const last = sessions.at(-1);
  const isMore = last && start + limit < infos.length;
  return { sessions, ...(isMore ? { cursor: last.id } : {}) };
}

/** The caller's first words, where they are among these records. */
export function toPreview(
  records: Iterable<SessionRecord | undefined>,
): Pick<SessionInfo, "preview"> {
  for (const record of records) {
    if (record?.type !== "user" || record.text === "") continue;
    return { preview: head(record.text, PREVIEW_LENGTH) };
  }
  return {};
}
