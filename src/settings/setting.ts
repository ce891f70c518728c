/**
 * What a room declares of a setting: its variable, its default, whether it is
 * secret, what it is for. `.env.example`, the table of settings, what `doctor`
 * hides and what the process may read of its environment follow from it.
 *
 * @module
 */

/** One setting, declared by the room that uses it. */
export interface Setting {
  /** The environment variable that holds it. */
  readonly env: string;
  /** What it is for, and what becomes of it where nobody sets it; whole sentences, for an owner. */
  readonly help?: string;
  /** Its value where nobody sets it. */
  readonly default?: string;
  /** The vendor can't be asked without it. Says how to get it, such as `get a key at https://…`. */
  readonly needed?: string;
  /** Whoever sets it means this vendor, and need not name it in `LLM_PROVIDER`. */
  readonly selects?: boolean;
  /** Whether anybody may see it. Default: only where it has a default; `doctor` hides the others' values. */
  readonly isPublic?: boolean;
  /** Makes of the variable's text what the vendor uses. Throws where it can't. */
  readonly parse?: (text: string) => string;
  /** What it has to be, said where `parse` throws. The value isn't repeated: it may hold a password. */
  readonly expected?: string;
}

/** A setting that has a value even where nobody sets it. */
export type Defaulted = Setting & { readonly default: string };

/** A setting without which the vendor can't be asked. */
export type Needed = Setting & { readonly needed: string };

/** A vendor's settings, by the names that its own code has for them. */
export type Settings = Readonly<Record<string, Setting>>;

/** Values of settings: those that are certain to have one, and those that may. */
export type Sure<S extends Settings, Certain> =
  & { -readonly [K in keyof S as S[K] extends Certain ? K : never]: string }
  & { -readonly [K in keyof S as S[K] extends Certain ? never : K]?: string };

/** The settings' values as they were found. */
export type Found<S extends Settings> = Sure<S, Defaulted>;

/** The settings' values where the vendor is to be asked: what is needed is there. */
export type Values<S extends Settings> = Sure<S, Defaulted | Needed>;

/** Where values come from, and where it is told what is wrong with them. */
export interface Sources {
  /** The text of a variable; `undefined` where it is unset or empty. */
  text(env: string): string | undefined;
  /** Why the vendor is to be asked, such as `LLM_PROVIDER names gemini`. Absent: it isn't. */
  wanted?: string;
  /** Takes what is wrong: which variable, and how to mend it. */
  problems: string[];
}

/** Reads a vendor's settings. */
export function readValues(
  settings: Settings,
  { text, wanted, problems }: Sources,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, setting] of Object.entries(settings)) {
    const { env, needed, parse = (it: string) => it } = setting;
    const value = text(env) ?? setting.default;
    if (value === undefined) {
      if (needed === undefined || wanted === undefined) continue;
      problems.push(`${env}: is missing, and ${wanted}; ${needed}`);
      continue;
    }
    try {
      values[name] = parse(value);
    } catch {
      problems.push(`${env}: must be ${setting.expected ?? "another value"}`);
      // The rest is read as if it were right, to tell all that is wrong at once.
      values[name] = setting.default ?? value;
    }
  }
  return values;
}
