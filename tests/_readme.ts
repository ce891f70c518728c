/**
 * The README as tests read it.
 *
 * @module
 */

/** Its text. */
export const readme = await Deno.readTextFile(
  new URL("../README.md", import.meta.url),
);

/** The blocks of code in the section below a heading. */
export function blocksBelow(heading: string): string[] {
  const [, rest = ""] = readme.split(`\n## ${heading}\n`);
  const [section = ""] = rest.split("\n## ");
  const blocks = section.matchAll(/\n([ ]*)```\w+\n([\s\S]*?)\n[ ]*```/g);
  return [...blocks].map(([, indent = "", code = ""]) =>
    code.split("\n").map((line) =>
      line.startsWith(indent) ? line.slice(indent.length) : line
    ).join("\n")
  );
}
