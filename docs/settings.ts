/**
 * `deno task settings`: writes what is told of the settings in several places
 * from their declarations: `.env.example`, `docs/settings.md` and the
 * permissions of the Dockerfile.
 *
 * @module
 */
import { VARIABLES } from "../src/cli/permissions.ts";
import { GROUPS } from "../src/settings/config.ts";
import type { Setting } from "../src/settings/setting.ts";

/** The width of `.env.example`. */
const WIDTH = 80;

/** The text of `.env.example`. */
export function toExample(groups = GROUPS): string {
  const introduction = comment(
    "Parley's settings. Nothing here is needed to start: copy this file to " +
      '.env and take away the "#" of the lines that you want to change. A ' +
      "variable of the real environment wins over this file, unless it is " +
      "empty. Made by deno task settings.",
  );
  const sections = Object.entries(groups).map(([heading, settings]) =>
    [
      `# ── ${heading} `.padEnd(WIDTH, "─"),
      ...settings.filter(isOurs).flatMap(toLines),
    ].join("\n")
  );
  return [introduction, ...sections].join("\n\n") + "\n";
}

function toLines(setting: Setting<unknown>): string[] {
  const { env, help = "", defaultNote, example = setting.default ?? "" } =
    setting;
  const note = defaultNote ? `Default: ${defaultNote}.` : "";
  const text = [help, note].filter((it) => it !== "")
    .join(help.includes("\n") ? "\n" : " ");
  const value = example.includes(" ") ? `"${example}"` : example;
  return [...text ? [comment(text)] : [], `#${env}=${value}`];
}

/** Markdown as the comment of a settings file, a paragraph or an item of a list a line or more. */
function comment(markdown: string): string {
  return markdown.replaceAll("`", "").split(/\n+/).flatMap((line) => {
    const lines = [""];
    for (const word of line.split(" ")) {
      const longer = `${lines.at(-1)} ${word}`;
      if (longer.length < WIDTH) lines[lines.length - 1] = longer;
      else lines.push(line.startsWith("- ") ? `   ${word}` : ` ${word}`);
    }
    return lines.map((it) => `#${it}`);
  }).join("\n");
}

/** The text of `docs/settings.md`. */
export function toPage(groups = GROUPS): string {
  const foreign = Object.values(groups).flat()
    .filter((setting) => !isOurs(setting));
  const others = [...new Set(foreign.map(({ belongsTo }) => belongsTo))].map(
    (other) =>
      `- ${other}: ${
        foreign.filter(({ belongsTo }) => belongsTo === other)
          .map(({ env }) => `\`${env}\``).join(", ")
      }`,
  );
  const sections = Object.entries(groups).map(([heading, settings]) =>
    [
      `## ${heading}\n`,
      "| setting | default | meaning |",
      "| ------- | ------- | ------- |",
      ...settings.filter(isOurs).map(toRow),
    ].join("\n")
  );
  return `<!-- deno-fmt-ignore-file -->
<!-- Made by \`deno task settings\` from the declarations in src. -->

# Settings

From \`.env\` and the environment, which wins; nothing has to be set. Copy
[\`.env.example\`](../.env.example) to \`.env\` to begin with. A setting that can't
be used stops the start with one message that lists everything that is wrong. A
name in \`.env\` that is no setting, such as a misspelt one, is told of in the log
of the start and by \`deno task doctor\`. A variable that is set to nothing counts
as unset, except where it says otherwise.

${sections.join("\n\n")}

## Read by others

The process sees no other variables than those above and these, which Deno, Deno
Deploy or a package has for itself. They count in the environment alone, not in
\`.env\`:

${others.join("\n")}
`;
}

function toRow(setting: Setting<unknown>): string {
  const { env, help = "", defaultNote } = setting;
  const standard = defaultNote ??
    (setting.default === undefined ? "–" : `\`${setting.default}\``);
  const cell = help.replaceAll(/\n+/g, "<br>").replaceAll("|", "\\|");
  return `| \`${env}\` | ${standard} | ${cell} |`;
}

function isOurs({ belongsTo }: Setting<unknown>): boolean {
  return belongsTo === undefined;
}

/** A Dockerfile whose server may see the settings' variables. */
export function toDockerfile(dockerfile: string): string {
  return dockerfile.replace(/"--allow-env[^"]*"/, `"--allow-env=${VARIABLES}"`);
}

/** The files that are made, and their texts as they should be. */
export async function makeFiles(): Promise<[file: URL, text: string][]> {
  const root = new URL("../", import.meta.url);
  const dockerfile = new URL("Dockerfile", root);
  return [
    [new URL(".env.example", root), toExample()],
    [new URL("docs/settings.md", root), toPage()],
    [dockerfile, toDockerfile(await Deno.readTextFile(dockerfile))],
  ];
}

if (import.meta.main) {
  for (const [file, text] of await makeFiles()) {
    await Deno.writeTextFile(file, text);
  }
}
