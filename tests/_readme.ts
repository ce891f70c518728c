/**
 * The pages that people read, as tests read them: README.md,
 * CONTRIBUTING.md, SECURITY.md and what lies in `docs`.
 *
 * @module
 */

const ROOT = new URL("../", import.meta.url);

/** The text of each page, by its path from the repository's root. */
export const pages: ReadonlyMap<string, string> = await readPages();

async function readPages(): Promise<Map<string, string>> {
  const names = ["README.md", "CONTRIBUTING.md", "SECURITY.md"];
  for await (const { name } of Deno.readDir(new URL("docs/", ROOT))) {
    if (name.endsWith(".md")) names.push(`docs/${name}`);
  }
  const texts = names.map(async (name) =>
    [name, await Deno.readTextFile(new URL(name, ROOT))] as const
  );
  return new Map(await Promise.all(texts));
}

/**
 * The blocks of code in the section below a heading of the second level, on
 * whichever page it stands.
 *
 * @throws {Error} where no page has this heading, or several have it
 */
export function blocksBelow(heading: string): string[] {
  const sections = [...pages.values()].flatMap((page) =>
    page.split("\n## ").filter((part) => part.startsWith(`${heading}\n`))
  );
  const [section = ""] = sections;
  if (sections.length !== 1) {
    throw new Error(`"${heading}" stands ${sections.length} times, not once`);
  }
  const blocks = section.matchAll(/\n([ ]*)```\w+\n([\s\S]*?)\n[ ]*```/g);
  return [...blocks].map(([, indent = "", code = ""]) =>
    code.split("\n").map((line) =>
      line.startsWith(indent) ? line.slice(indent.length) : line
    ).join("\n")
  );
}
