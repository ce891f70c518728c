/**
 * Shows that the fuzz finds the faults that it must find.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { makeDrafts, ROUTES } from "./_draft.ts";
import { judge } from "./_wire.ts";

const target = { secrets: ["the secret itself"] };

function judgeAnswer(text: string, { method = "POST", isCut = false } = {}) {
  return judge(text, { method }, target, isCut);
}

const WRONG = {
  "an error of the server's": "HTTP/1.1 500 Internal Server Error\r\n\r\n{}",
  "a gateway's error": "HTTP/1.1 502 Bad Gateway\r\n\r\n{}",
  "a 503 that doesn't say when to come again": "HTTP/1.1 503 No\r\n\r\n",
  "a secret": "HTTP/1.1 200 OK\r\n\r\nIt is the secret itself",
  "a place in the sources":
    'HTTP/1.1 400 Bad Request\r\n\r\n{"error":{"code":"a","message":"at file:///src/a.ts:1:2"}}',
  "an error in another shape": 'HTTP/1.1 404 Not Found\r\n\r\n{"no":1}',
  "no answer at all": "",
  "something else than HTTP": "hello\r\n\r\n",
};
for (const [what, text] of Object.entries(WRONG)) {
  Deno.test(`judge() finds ${what}`, () => {
    assert(judgeAnswer(text) !== undefined);
  });
}

Deno.test("judge() accepts correct answers", () => {
  const error = '{"error":{"code":"not_found","message":"Nothing"}}';
  const head =
    "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\n\r\n";
  assertEquals(judgeAnswer(head + error), undefined);
  assertEquals(judgeAnswer("HTTP/1.1 200 OK\r\n\r\ndata: {}"), undefined);
  assertEquals(
    judgeAnswer("HTTP/1.1 503 No\r\nretry-after: 1\r\n\r\n" + error),
    undefined,
  );
  assertEquals(judgeAnswer(head, { method: "HEAD" }), undefined);
  assertEquals(judgeAnswer("", { isCut: true }), undefined);
});

Deno.test("makeDrafts() makes the same drafts of the same seed, and others of another", () => {
  const of = (seed: number) =>
    JSON.stringify([...makeDrafts(seed, 100)].map(({ draft }) => draft));
  assertEquals(of(7), of(7));
  assert(of(7) !== of(1_007));
});

Deno.test("ROUTES has every route of docs/http.md", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/http.md", import.meta.url),
  );
  const told = [...page.matchAll(/`(GET|POST|DELETE) (\/[^`\s?]*)`/g)];
  assert(told.length > 5);
  const known = ROUTES.map(([method, path]) => `${method} ${path}`);
  const missing = told.map(([, method, path = ""]) => {
    // A name in capitals stands for any one segment.
    const pattern = path.replaceAll(/(?<=\/)[A-Z_]+(?=\/|$)/g, "[^/]+");
    return new RegExp(`^${method} ${pattern}$`);
  }).filter((pattern) => !known.some((route) => pattern.test(route)));
  assertEquals(missing, []);
});
