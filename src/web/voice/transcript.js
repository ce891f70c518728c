// @ts-check
/// <reference lib="dom" />
/**
 * The conversation on the page, put together from Layercode's messages.
 *
 * https://docs.layercode.com/api-reference/frontend-ws-api
 *
 * @module
 */
import { element } from "../dom.js";

/**
 * One side's words in one turn.
 *
 * @typedef {{
 *   role: string,
 *   text: HTMLElement,
 *   chunks: Map<number, string>,
 *   fromDeltas: boolean,
 * }} Entry
 */

/** What each kind of entry is headed with. */
const NAMES = { user: "You", agent: "Agent", data: "Data", note: "" };

/**
 * Makes the conversation of an element that is a log.
 *
 * @param {HTMLElement} log
 */
export function createTranscript(log) {
  /** @type {Map<string, Entry>} */
  let entries = new Map();
  /** What was typed and Layercode has not repeated yet. @type {Entry[]} */
  let typed = [];
  /** How many turns have begun. */
  let turn = 0;
  /** Whether the end is looked at, and so to be followed. */
  let isFollowing = true;
  let lastTop = 0;

  function follow() {
    if (isFollowing) log.scrollTop = log.scrollHeight;
  }

  log.addEventListener("scroll", () => {
    const below = log.scrollHeight - log.scrollTop - log.clientHeight;
    // A log that has become lower is not one that was scrolled.
    isFollowing = below < 40 || (isFollowing && log.scrollTop >= lastTop);
    lastTop = log.scrollTop;
  });
  new ResizeObserver(follow).observe(log);

  /**
   * @param {keyof typeof NAMES} role
   * @param {string} tag
   * @returns {Entry}
   */
  function add(role, tag = "p") {
    const text = element(tag, { class: "words" });
    const name = element("p", { class: "name" }, [NAMES[role]]);
    const entry = element("div", { class: `entry ${role}` }, [
      ...NAMES[role] ? [name] : [],
      text,
    ]);
    log.append(entry);
    follow();
    return { role, text, chunks: new Map(), fromDeltas: false };
  }

  /**
   * @param {Entry} entry
   * @param {string} words
   */
  function write(entry, words) {
    entry.text.textContent = words;
    follow();
  }

  /**
   * @param {"user" | "agent"} role
   * @param {string} turnId
   */
  function find(role, turnId) {
    const key = `${role} ${turnId}`;
    const entry = entries.get(key) ?? add(role);
    entries.set(key, entry);
    return entry;
  }

  /**
   * The words of a caller: pieces by number, a later one in place of an earlier.
   *
   * @param {any} message
   */
  function hear({ type, content, turn_id, delta_counter = 0 }) {
    const key = `user ${turn_id}`;
    if (!entries.has(key)) {
      // Layercode may repeat what was typed: that is there already.
      const [same] = typed.filter(({ text }) => text.textContent === content);
      typed = typed.filter((entry) => entry !== same);
      if (same) entries.set(key, same);
    }
    const entry = find("user", turn_id);
    if (type === "user.transcript") return write(entry, content);
    entry.chunks.set(delta_counter, content);
    const chunks = [...entry.chunks].sort(([a], [b]) => a - b);
    write(entry, chunks.map(([, chunk]) => chunk).join(""));
  }

  /** @param {any} message */
  function answer({ type, content, turn_id }) {
    const entry = find("agent", turn_id);
    const before = entry.text.textContent ?? "";
    if (type === "response.text.delta") entry.fromDeltas = true;
    else if (entry.fromDeltas && before.includes(content.trim())) return;
    // Sentences may come one by one, without what stands between them.
    const gap = /[.!?…]$/.test(before) && /^\p{L}/u.test(content) ? " " : "";
    write(entry, before + gap + content);
  }

  return {
    /** Takes a message as the SDK hands it on. @param {any} message */
    take(message) {
      const { type, content } = message;
      if (type === "turn.start") turn++;
      if (typeof content !== "string") return;
      // Older agents' messages may name no turn.
      const { turn_id = `#${turn}` } = message;
      if (type.startsWith("user.transcript")) hear({ ...message, turn_id });
      if (type.startsWith("response.text")) answer({ ...message, turn_id });
    },
    /** Shows what was typed. @param {string} words */
    type(words) {
      const entry = add("user");
      write(entry, words);
      typed.push(entry);
    },
    /** Shows data as JSON. @param {unknown} content */
    data(content) {
      write(add("data", "pre"), JSON.stringify(content, null, 2));
    },
    /** Shows what happened to the connection. @param {string} words */
    note(words) {
      write(add("note"), words);
    },
    /** Forgets everything. */
    clear() {
      log.replaceChildren();
      entries = new Map();
      typed = [];
    },
  };
}
