/**
 * The Dockerfile carried out without Docker: its stages in a temporary folder
 * that holds what it copies and nothing else, and its container as a process of
 * a user without rights, in a tree that nobody may write. What stands in for
 * `@std`, where JSR is out of reach, lies in a folder of its own beside them.
 *
 * @module
 */
import {
  contextFiles,
  destinations,
  parseDockerfile,
  type Stage,
} from "./_docker_file.ts";
import { networkEnv, stdFlags } from "./fakes/server.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** The user `nonroot` of the distroless images. */
export const NONROOT = 65532;

/** What the Dockerfile made. */
export interface Image extends AsyncDisposable {
  /** The last stage, as it is written. */
  stage: Stage;
  /** The folder that stands for `/`. */
  root: string;
  /** Starts a command of the image as its user, with its environment and more. */
  spawn(
    command: readonly string[],
    env?: Record<string, string>,
  ): Deno.ChildProcess;
}

/** Carries out the Dockerfile, and leaves the right to write to `/data` only. */
export async function buildImage(): Promise<Image> {
  const stages = parseDockerfile(await Deno.readTextFile(`${ROOT}Dockerfile`));
  const ignore = await Deno.readTextFile(`${ROOT}.dockerignore`);
  const files = await contextFiles(ROOT, ignore);
  const stage = stages.at(-1);
  if (stage === undefined) throw new Error("The Dockerfile has no stage");

  const folder = await Deno.makeTempDir({ prefix: "parley-image-" });
  const map = `${folder}/stand-ins/deno.offline.json`;
  async function remove(): Promise<void> {
    await run("chmod", ["-R", "u+w", folder]);
    await Deno.remove(folder, { recursive: true });
  }
  try {
    await Deno.chmod(folder, 0o755);
    await copyStandIns(map);
    for (const stage of stages) {
      await build(stage, (name) => `${folder}/${name ?? "last"}`, files, map);
    }
    await protect(`${folder}/last`);
  } catch (error) {
    await remove();
    throw error;
  }
  const root = `${folder}/last`;
  return {
    stage,
    root,
    spawn(command, env = {}) {
      const [program = "", ...args] = command.map((word) => here(word, root));
      return new Deno.Command(program, {
        args: withStandIns(args, map),
        ...(isRoot() ? { uid: NONROOT, gid: NONROOT } : {}),
        cwd: here(stage.workdir, root),
        clearEnv: true,
        env: { PATH: "/usr/bin:/bin", ...envOf(stage, root), ...env },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
    },
    [Symbol.asyncDispose]: remove,
  };
}

/** Whose rights we have: only root can be somebody else. */
export function isRoot(): boolean {
  return Deno.uid() === 0;
}

/** One stage: what it copies, and what it runs. */
async function build(
  stage: Stage,
  rootOf: (name?: string) => string,
  files: readonly string[],
  map: string,
): Promise<void> {
  const root = rootOf(stage.name);
  const cwd = here(stage.workdir, root);
  await Deno.mkdir(cwd, { recursive: true });
  await Deno.mkdir(`${root}/bin`);
  for (const step of stage.steps) {
    if (step.type === "run") {
      const [command = ""] = withStandIns([here(step.command, root)], map);
      const path = `${Deno.execPath().replace(/\/[^/]+$/, "")}:/usr/bin:/bin`;
      const env = { ...networkEnv(), ...envOf(stage, root), PATH: path };
      await run("sh", ["-ec", command], { cwd, env, clearEnv: true });
      continue;
    }
    const to = step.to.startsWith("/")
      ? here(step.to, root)
      : `${cwd}/${step.to}`;
    if (step.from === undefined) {
      for (const [file, target] of destinations({ ...step, to }, files)) {
        await Deno.mkdir(target.replace(/[^/]+$/, ""), { recursive: true });
        await Deno.copyFile(`${ROOT}${file}`, target);
      }
    } else if (step.from.includes(":")) {
      // Deno's own image: its only file.
      await Deno.copyFile(Deno.execPath(), to);
    } else {
      for (const source of step.sources) {
        await Deno.mkdir(to, { recursive: true });
        await run("cp", ["-a", `${here(source, rootOf(step.from))}/.`, to]);
      }
      if (step.owner && isRoot()) await run("chown", ["-R", step.owner, to]);
    }
  }
}

/** Takes the right to write from everybody, except in `/data`. */
async function protect(root: string): Promise<void> {
  await run("chmod", ["-R", "a-w,a+rX", root]);
  await run("chmod", ["u+w", `${root}/data`]);
}

/** The import map of the stand-ins and what it points to, outside the image. */
async function copyStandIns(map: string): Promise<void> {
  const to = map.replace(/\/[^/]+$/, "");
  await Deno.mkdir(`${to}/offline`, { recursive: true });
  await Deno.copyFile(`${ROOT}deno.offline.json`, map);
  for await (const { name } of Deno.readDir(`${ROOT}offline`)) {
    await Deno.copyFile(`${ROOT}offline/${name}`, `${to}/offline/${name}`);
  }
  await run("chmod", ["-R", "a+rX", to]);
}

/** Gives `deno cache` and `deno run` the flag that points to the stand-ins. */
function withStandIns(words: readonly string[], map: string): string[] {
  if (stdFlags().length === 0) return [...words];
  const flag = `--import-map=${map}`;
  return words.flatMap((word) =>
    word === "run"
      ? [word, flag]
      : [word.replaceAll(/\bdeno cache\b/g, `deno cache ${flag}`)]
  );
}

function envOf({ env }: Stage, root: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, here(value, root)]),
  );
}

/** The image's absolute paths in a text, as they are on this machine. */
function here(text: string, root: string): string {
  return text.replaceAll(
    /(?<![\w./}])\/(app|data|deno-dir|bin)(?![\w-])/g,
    `${root}/$1`,
  );
}

async function run(
  program: string,
  args: string[],
  options: Deno.CommandOptions = {},
): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    ...options,
    args,
    stdin: "null",
  }).output();
  if (success) return;
  throw new Error(`${program} ${args}: ${new TextDecoder().decode(stderr)}`);
}
