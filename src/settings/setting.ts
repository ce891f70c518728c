/**
 * How a room declares a setting: its variable, its default, whether it is
 * secret, what it is for. A new setting is one declaration. From it follow its
 * parsed value, its entries in `.env.example` and `docs/settings.md`, whether
 * `doctor` redacts it, and the permission to read its variable.
 *
 * @module
 */

/** One setting, declared by the room that uses it. */
export interface Setting<T = string> {
  /** The environment variable that holds it. */
  readonly env: string;
  /** What it is for: whole sentences in Markdown, for an owner. */
  readonly help?: string;
  /** The value when the variable is not set. */
  readonly default?: string;
  /** Describes a default that is long or depends on something, in Markdown, without a full stop. */
  readonly defaultNote?: string;
  /** The value that `.env.example` shows. Default: the setting's default. */
  readonly example?: string;
  /** Whether `doctor` redacts the value. By default it does, unless the setting has a default: what has none is usually a key or a token. */
  readonly secret?: boolean;
  /** Whether an empty value has a meaning. By default an empty variable counts as unset. */
  readonly mayBeEmpty?: boolean;
  /** Who defines the variable, if not Parley. It is then read from the real environment only, and not listed in `.env.example`. */
  readonly belongsTo?: string;
  /** Whether setting it chooses this vendor, without `LLM_PROVIDER`. */
  readonly selects?: boolean;
  /** Parses the variable's text; throws if it is invalid. Default: returns the text. */
  readonly parse?: (text: string, env: string) => T;
  /** What the value has to be, for the error message when `parse` throws. The message doesn't repeat the value, which may hold a password. */
  readonly expected?: string;
}

/** The settings of a room or a vendor, by their names in its code. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** The type of a setting's parsed value. */
export type ValueOf<S> = S extends
  { readonly parse?: (...args: never[]) => infer T }
  ? unknown extends T ? string : T
  : string;

/** The parsed values of settings. Those without a default may be absent. */
export type SettingValues<S extends Settings> =
  & {
    -readonly [K in keyof S as S[K] extends WithDefault ? K : never]: ValueOf<
      S[K]
    >;
  }
  & {
    -readonly [K in keyof S as S[K] extends WithDefault ? never : K]?: ValueOf<
      S[K]
    >;
  };

/** A setting that always has a value. */
export type WithDefault = { readonly default: string };

/** What is needed to read settings. */
export interface ReadOptions {
  /** Returns the text of a variable, or `undefined` if it counts as unset. */
  text(env: string): string | undefined;
  /** Problems are added to this: each names the variable and says how to fix it. */
  problems: string[];
}

/** Thrown by a `parse` for its own setting, and by `readConfig` for all settings. */
export class SettingError extends Error {
  /** The name in stack traces. */
  override readonly name = "SettingError";

  /** Creates an error of problems, each with the variable's name and how to fix it. */
  constructor(readonly problems: readonly string[]) {
    const lines = problems.map((problem) => `\n  - ${problem}`).join("");
    super(`${problems.length} setting(s) can't be used${lines}`);
  }
}

/** Whether `doctor` must redact a setting's value. */
export function isSecret(setting: Setting<unknown>): boolean {
  return setting.secret ?? setting.default === undefined;
}

/** Reads settings. An invalid one is added to the problems, and gets its default. */
export function readValues<S extends Settings>(
  settings: S,
  { text, problems }: ReadOptions,
): SettingValues<S> {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const { env, expected = "another value", default: standard } = setting;
    const { parse = (it) => it } = setting;
    const given = text(env);
    if (given !== undefined) {
      try {
        values[name] = parse(given, env);
        continue;
      } catch (error) {
        const isExplained = error instanceof SettingError;
        problems.push(
          ...isExplained ? error.problems : [`${env}: must be ${expected}`],
        );
      }
    }
    if (standard !== undefined) values[name] = parse(standard, env);
  }
  // Each value is what its own declaration's `parse` returned.
  return values as SettingValues<S>;
}
