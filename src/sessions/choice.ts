/**
 * What `SESSION_STORE` may say.
 *
 * @module
 */

/** What `SESSION_STORE` says. */
export type StoreChoice =
  /** Under `DATA_DIR`. */
  | { type: "file" }
  /** A file or a server's address; without, Deno Deploy's own. */
  | { type: "kv"; path?: string }
  | { type: "postgres"; url: string };

/**
 * Reads what `SESSION_STORE` says; nothing where it can't be understood.
 *
 * @param value absent: Deno KV on Deno Deploy, where no file lasts, else files
 * @param dataDir where files are kept that the setting doesn't place
 */
export function readStore(
  value: string | undefined,
  dataDir: string,
  isDeploy: boolean,
): StoreChoice | undefined {
  const [, scheme, rest] = /^(\w+)(?::(.+))?$/s.exec(
    value ?? (isDeploy ? "kv" : "file"),
  ) ?? [];
  switch (scheme) {
    case "file":
      return rest === undefined ? { type: "file" } : undefined;
    case "kv": {
      const path = rest ?? (isDeploy ? undefined : `${dataDir}/sessions.kv`);
      return { type: "kv", ...(path === undefined ? {} : { path }) };
    }
    case "postgres":
    case "postgresql":
      return value && URL.canParse(value) && new URL(value).host
        ? { type: "postgres", url: value }
        : undefined;
    default:
      return undefined;
  }
}
