/**
 * What README.md, CONTRIBUTING.md and the pages of `docs` say, against what is
 * there.
 *
 * @module
 */
import { assert, assertEquals, assertLess } from "@std/assert";
import deno from "../deno.json" with { type: "json" };
import { tools } from "../src/agent/mod.ts";
import { blocksBelow, pages } from "./_readme.ts";

const ROOT = new URL("../", import.meta.url);

/** A page without its code, in which nothing is a link or a heading. */
function withoutCode(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, "");
}

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)]
    .map(([, heading = ""]) =>
      heading.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-")
    );
}

/** Where a page's links, pictures and sources point to. */
function targetsOf(text: string): string[] {
  const links = withoutCode(text).replaceAll(/`[^`\n]*`/g, "code")
    .matchAll(/\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"/g);
  return [...links].map(([, link, source]) => link ?? source ?? "");
}

/** What is wrong with a relative link, if anything. */
async function findFault(page: string, link: string): Promise<string[]> {
  if (/^\w+:/.test(link)) return [];
  const url = new URL(link, new URL(page, ROOT));
  const anchor = decodeURIComponent(url.hash.slice(1));
  url.hash = "";
  const path = url.href.slice(ROOT.href.length);
  const isThere = await Deno.stat(url).then(() => true, () => false);
  if (!isThere) return [`${page}: ${link} points to no file`];
  const isKnown = anchor === "" ||
    anchorsOf(pages.get(path) ?? "").includes(anchor);
  return isKnown ? [] : [`${page}: ${link} points to no heading`];
}

Deno.test("README.md, CONTRIBUTING.md and docs link to files and headings that there are", async () => {
  const faults: string[] = [];
  for (const [page, text] of pages) {
    const targets = targetsOf(text);
    assert(targets.length > 0, `${page} leads nowhere`);
    for (const target of targets) {
      faults.push(...await findFault(page, target));
    }
  }
  assertEquals(faults, []);
});

Deno.test("README.md, CONTRIBUTING.md and docs name files and folders that there are", async () => {
  const missing: string[] = [];
  for (const [page, text] of pages) {
    const paths = withoutCode(text)
      .matchAll(/`((?:src|tests|cluster|offline|\.ci)\/[\w./-]*|main\.ts)`/g);
    for (const [, path = ""] of paths) {
      const isThere = await Deno.stat(new URL(path, ROOT))
        .then(() => true, () => false);
      if (!isThere) missing.push(`${page}: ${path}`);
    }
  }
  assertEquals(missing, []);
});

Deno.test("README.md leads to every page, and is short", () => {
  const readme = pages.get("README.md") ?? "";
  for (const page of pages.keys()) {
    const isLinked = targetsOf(readme).includes(page);
    assert(page === "README.md" || isLinked, `README.md lacks ${page}`);
  }
  assertLess(readme.split("\n").length, 150);
});

Deno.test("README.md, CONTRIBUTING.md and docs name the tasks that there are", () => {
  const text = [...pages.values()].join("\n");
  const named = new Set(
    [...text.matchAll(/deno task (?:-\S+ )?([a-z:]+)/g)]
      .map(([, name = ""]) => name),
  );
  const tasks = Object.keys(deno.tasks);
  assertEquals([...named].filter((name) => !tasks.includes(name)), []);
  // These are parts of other tasks.
  const parts = ["std", "flags", "docs"];
  const missing = tasks.filter((name) => !named.has(name));
  assertEquals(missing.filter((name) => !parts.includes(name)), []);
});

Deno.test('docs/agent.md "Tools" shows the tool that ships', async () => {
  const file = await Deno.readTextFile(
    new URL("src/agent/tools/current_time.ts", ROOT),
  );
  const [code = ""] = blocksBelow("Tools");
  assert(code.includes("tool({"), "No tool below the heading");
  assert(file.includes(code), "The page differs from current_time.ts");
  const names = tools.map(({ declaration }) => declaration.name);
  assert(names.includes("current_time"));
});

Deno.test('docs/agent.md "Tools" names everything that a tool is told', async () => {
  const files = await Promise.all(
    ["tools", "turn"].map((name) =>
      Deno.readTextFile(new URL(`src/conversation/${name}.ts`, ROOT))
    ),
  );
  // A tool's context is also that of the call and of its turn.
  const contexts = files.join("\n").matchAll(
    /(?:interface|type) (?:ToolContext|CallContext|TurnId)\b.*\{([\s\S]*?)\n\}/g,
  );
  const names = [...contexts].flatMap(([, fields = ""]) =>
    [...fields.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name)
  );
  assertEquals(names.length, 10);
  const page = pages.get("docs/agent.md") ?? "";
  for (const name of names) {
    assert(
      new RegExp(`\`[^\`]*\\b${name}\\b`).test(page),
      `${name} is missing`,
    );
  }
});
