/**
 * Reads the Dockerfile and `.dockerignore`, as far as ours go: an instruction
 * that is new to this file is an error, so that none is passed over.
 *
 * @module
 */

/** What a stage does to its files, in its order. */
export type Step =
  | { type: "run"; command: string }
  /** `from` is a stage or an image; without it the files are the project's. */
  | {
    type: "copy";
    from?: string;
    owner?: string;
    sources: string[];
    to: string;
  };

/** One `FROM` and what follows. */
export interface Stage {
  /** What it begins with. */
  image: string;
  name?: string;
  steps: Step[];
  env: Record<string, string>;
  workdir: string;
  /** Absent: the image's. */
  user?: string;
  volumes: string[];
  ports: string[];
  /** In the form that needs no shell. */
  command?: string[];
  healthcheck?: string[];
}

/** @throws {SyntaxError} when there is something in it that this doesn't know */
export function parseDockerfile(text: string): Stage[] {
  const lines = text.split("\n").filter((line) => !/^\s*#/.test(line))
    .join("\n").replaceAll(/\\\n\s*/g, " ").split("\n")
    .map((line) => line.trim()).filter((line) => line !== "");
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
    if (name === "FROM") stages.push(begin(rest));
    else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new SyntaxError(`Before FROM: ${line}`);
      take(stage, name, rest);
    }
  }
  return stages;
}

function begin(rest: string): Stage {
  const [, image, name] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
  if (image === undefined) throw new SyntaxError(`Unknown: FROM ${rest}`);
  const nothing = { steps: [], env: {}, volumes: [], ports: [] };
  return { image, ...(name ? { name } : {}), workdir: "/", ...nothing };
}

function take(stage: Stage, name: string, rest: string): void {
  switch (name) {
    case "WORKDIR":
      stage.workdir = rest;
      break;
    case "ENV":
      for (const [, key, value] of rest.matchAll(/(\w+)=(\S+)/g)) {
        if (key && value) stage.env[key] = value;
      }
      break;
    case "COPY": {
      const words = rest.split(/\s+/);
      const flag = (flag: string) =>
        words.find((word) => word.startsWith(flag))?.slice(flag.length);
      const from = flag("--from=");
      const owner = flag("--chown=");
      const sources = words.filter((word) => !word.startsWith("--"));
      const to = sources.pop() ?? "";
      stage.steps.push({
        type: "copy",
        ...(from ? { from } : {}),
        ...(owner ? { owner } : {}),
        sources,
        to,
      });
      break;
    }
    case "RUN":
      stage.steps.push({ type: "run", command: rest });
      break;
    case "USER":
      stage.user = rest;
      break;
    case "VOLUME":
      stage.volumes.push(...rest.split(/\s+/));
      break;
    case "EXPOSE":
      stage.ports.push(...rest.split(/\s+/));
      break;
    case "CMD":
      stage.command = JSON.parse(rest);
      break;
    case "HEALTHCHECK":
      stage.healthcheck = JSON.parse(rest.replace(/^.*?\bCMD\s+/, ""));
      break;
    default:
      throw new SyntaxError(`Unknown: ${name} ${rest}`);
  }
}

/** The project's files that Docker would be given. */
export async function contextFiles(
  root: string,
  dockerignore: string,
): Promise<string[]> {
  const rules = dockerignore.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => ({
      keeps: line.startsWith("!"),
      pattern: toRegExp(line.replace(/^!/, "")),
    }));
  /** The last rule that fits a path, or a folder above it, decides. */
  function isIgnored(path: string): boolean {
    const segments = path.split("/");
    const above = segments.map((_, n) => segments.slice(0, n + 1).join("/"));
    const rule = rules.findLast(({ pattern }) =>
      above.some((path) => pattern.test(path))
    );
    return rule !== undefined && !rule.keeps;
  }
  async function* walk(folder: string): AsyncGenerator<string> {
    for await (const { name, isDirectory } of Deno.readDir(root + folder)) {
      const path = `${folder}${name}`;
      // A rule that keeps something in an ignored folder is none of ours.
      if (isIgnored(path)) continue;
      if (isDirectory) yield* walk(`${path}/`);
      else yield path;
    }
  }
  return (await Array.fromAsync(walk(""))).sort();
}

/**
 * Where a `COPY` puts the project's files.
 *
 * @throws {Error} when there is nothing to copy, as Docker says
 */
export function destinations(
  { sources, to }: { sources: string[]; to: string },
  files: readonly string[],
): [file: string, to: string][] {
  const folder = to.endsWith("/") || to === ".";
  return sources.flatMap((source) => {
    const pattern = toRegExp(source);
    const found = files.flatMap((file): [string, string][] => {
      if (pattern.test(file)) {
        const name = file.split("/").at(-1) ?? "";
        return [[file, folder ? `${to}/${name}` : to]];
      }
      const above = `${source}/`;
      return file.startsWith(above)
        ? [[file, `${to}/${file.slice(above.length)}`]]
        : [];
    });
    if (found.length === 0 && !/[*?[]/.test(source)) {
      throw new Error(`COPY ${source}: there is no such file for Docker`);
    }
    return found;
  });
}

function toRegExp(glob: string): RegExp {
  const parts = glob.replace(/^\.?\//, "").match(/\[[^\]]+\]|\*|\?|[^*?[]+/g);
  const source = parts?.map((part) =>
    part === "*"
      ? "[^/]*"
      : part === "?"
      ? "[^/]"
      : part.startsWith("[")
      ? part
      : part.replaceAll(/[.+^${}()|\\]/g, "\\$&")
  );
  return new RegExp(`^${source?.join("") ?? ""}$`);
}
