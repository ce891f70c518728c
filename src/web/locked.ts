/**
 * What whoever may not enter a page gets to read.
 *
 * @module
 */

/** The page's content, as HTML. */
export const LOCKED = `<h1>This page needs its token</h1>
<p>
Open the address that Parley printed when it started. It ends in
<code>?token=…</code>
</p>
<ul>
<li>In Docker it is in the log: <code>docker compose logs parley</code></li>
<li>
From another machine, put <code>?token=…</code> behind the address that you came
by.
</li>
<li>
A token is made at each start, and the one before no longer opens anything.
<code>PLAYGROUND_TOKEN</code> sets one that stays.
</li>
</ul>`;
