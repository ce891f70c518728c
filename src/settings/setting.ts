/**
 * What a room declares of a setting: its variable, its default, whether it is
 * secret, what it is for. The values that the room works with, `.env.example`,
 * the page of settings, what `doctor` hides and what the process may read of
 * its environment all follow from it: a new setting is one declaration.
 *
 * @module
 */

/** One setting, declared by the room that uses it. */
export interface Setting<T = string> {
  /** The environment variable that holds it. */
  readonly env: string;
  /** What it is for: whole sentences in Markdown, for an owner. */
  readonly help?: string;
  /** Its value where nobody sets it. */
  readonly default?: string;
  /** What owners are told in place of a default that is long or depends on something, in Markdown, without a full stop. */
  readonly defaultNote?: string;
  /** The value that `.env.example` shows. Default: the setting's default. */
  readonly example?: string;
  /** Whether `doctor` hides its value. Default: unless it has a default, since only keys and tokens must be brought. */
  readonly secret?: boolean;
  /** Whether it means something when it is set to nothing. Default: it then counts as unset. */
  readonly mayBeEmpty?: boolean;
  /** Whose variable it is, where not ours: it is read from the real environment alone, and `.env.example` lacks it. */
  readonly belongsTo?: string;
  /** The vendor can't be asked without it. Says how to get it, such as `get a key at https://…`. */
  readonly needed?: string;
  /** Whoever sets it means this vendor, and need not name it in `LLM_PROVIDER`. */
  readonly selects?: boolean;
  /** Makes of the variable's text what the room uses. Throws where it can't. Default: the text as it is. */
  readonly parse?: (text: string, env: string) => T;
  /** What it has to be, said where `parse` throws. The value isn't repeated: it may hold a password. */
  readonly expected?: string;
}

/** Settings of a room or a vendor, by the names that its own code has for them. */
export type Settings = Readonly<Record<string, Setting<unknown>>>;

/** A setting without which the vendor can't be asked. */
export type RequiredSetting = Setting & { readonly needed: string };

/** What a setting's `parse` makes of its text. */
export type ValueOf<S> = S extends
  { readonly parse?: (...args: never[]) => infer T }
  ? unknown extends T ? string : T
  : string;

/** Values of settings: those that are certain to have one, and those that may. */
export type ValuesOf<S extends Settings, Certain> =
  & {
    -readonly [K in keyof S as S[K] extends Certain ? K : never]: ValueOf<S[K]>;
  }
  & {
    -readonly [K in keyof S as S[K] extends Certain ? never : K]?: ValueOf<
      S[K]
    >;
  };

/** The settings' values as they were found. */
export type SettingValues<S extends Settings> = ValuesOf<
  S,
  { readonly default: string }
>;

/** The settings' values where the vendor is to be asked: what is needed is there. */
export type CompleteValues<S extends Settings> = ValuesOf<
  S,
  { readonly default: string } | { readonly needed: string }
>;

/** Where values come from, and where it is told what is wrong with them. */
export interface ReadOptions {
  /** The text of a variable; `undefined` where it counts as unset. */
  text(env: string): string | undefined;
  /** Why the vendor is to be asked, such as `LLM_PROVIDER names gemini`. Absent: it isn't. */
  wanted?: string;
  /** Takes what is wrong: which variable, and how to fix it. */
  problems: string[];
}

/** What is wrong with one setting, in a `parse`'s own words, or with all of them. */
export class SettingError extends Error {
  /** What a stack trace calls it. */
  override readonly name = "SettingError";

  /**
   * Keeps the problems apart, and puts them into one message, a line each.
   *
   * @param problems each names the variable, and says how to fix it
   */
  constructor(readonly problems: readonly string[]) {
    const lines = problems.map((problem) => `\n  - ${problem}`).join("");
    super(`${problems.length} setting(s) can't be used${lines}`);
  }
}

/** Whether `doctor` must not show a setting's value. */
export function isSecret(setting: Setting<unknown>): boolean {
  return setting.secret ?? setting.default === undefined;
}

/** Reads settings. One that can't be used stands at its default. */
export function readValues<S extends Settings>(
  settings: S,
  { text, wanted, problems }: ReadOptions,
): SettingValues<S> {
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(settings)) {
    const { env, needed, expected = "another value" } = setting;
    const { parse = (it) => it, default: standard } = setting;
    const given = text(env);
    if (given !== undefined) {
      try {
        values[name] = parse(given, env);
        continue;
      } catch (error) {
        const isTold = error instanceof SettingError;
        problems.push(
          ...isTold ? error.problems : [`${env}: must be ${expected}`],
        );
      }
    } else if (needed !== undefined && wanted !== undefined) {
      problems.push(`${env}: is missing, and ${wanted}; ${needed}`);
    }
    if (standard !== undefined) values[name] = parse(standard, env);
  }
  // Each value is what its own declaration's `parse` returned.
  return values as SettingValues<S>;
}
