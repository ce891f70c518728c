/// <reference lib="dom" />
/**
 * The views of the page of stored conversations: the form for the token, the
 * list, and one conversation.
 *
 * @module
 */
import { takeField, toTime, Turns } from "../page.js";
import { html as view } from "../preact.js";

/** @typedef {import("../../sessions/document.ts").SessionDocument} SessionDocument */
/** @typedef {{ id: string, at: string, preview?: string }} Summary */

/** @param {{ onToken: (token: string) => void }} props */
export function TokenForm({ onToken }) {
  /** @param {SubmitEvent} event */
  const onSubmit = (event) => onToken(takeField(event, "token"));
  return view`
    <form class="card" onSubmit=${onSubmit}>
      <label for="token">The server's <code>ADMIN_TOKEN</code></label>
      <p class="quiet">Kept in this tab until you close it.</p>
      <div class="row">
        <input id="token" name="token" type="password" spellcheck="false"
          autocomplete="current-password" required autofocus />
        <button class="primary">Show</button>
      </div>
    </form>
  `;
}

/**
 * @param {object} props
 * @param {Summary[]} props.sessions
 * @param {(() => void) | undefined} props.onMore loads the next page of the list, if there is one
 */
export function List({ sessions, onMore }) {
  const rows = sessions.map(({ id, at, preview }) =>
    view`
      <li key=${id}>
        <a href="/sessions/${encodeURIComponent(id)}">
          <p>${preview ?? "The caller said nothing"}</p>
          <code class="quiet">${id}</code>
          <time class="quiet" datetime=${at}>${toTime(at)}</time>
        </a>
      </li>
    `
  );
  return view`
    <p class="note" hidden=${
    sessions.length > 0
  }>There are no conversations yet.</p>
    <ol id="rows">${rows}</ol>
    <button type="button" hidden=${!onMore} onClick=${onMore}>Show more</button>
  `;
}

/** @param {{ session: SessionDocument, onDelete: () => void }} props */
export function Session({ session, onDelete }) {
  const { id, turns, ...rest } = session;
  const json = encodeURIComponent(JSON.stringify(session, null, 2));
  return view`
    <div class="row">
      <a class="button" download="${id}.json" href="data:application/json,${json}">
        Download JSON
      </a>
      <button type="button" onClick=${onDelete}>Delete</button>
    </div>
    <${Turns} turns=${turns} caller="Caller" />
    <section hidden=${rest.memories.length + rest.notes.length === 0}>
      <h2>Memories and notes</h2>
      <pre>${JSON.stringify(rest, null, 2)}</pre>
    </section>
  `;
}
