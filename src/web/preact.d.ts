/**
 * The types of what the pages use of Preact and htm.
 *
 * https://preactjs.com/guide/v10/getting-started#no-build-tools-route
 *
 * @module
 */

/** A piece of a page, as {@linkcode html} makes it. */
export type View = object;

/**
 * Makes a piece of a page of a template: elements, `<${Function} …/>` for a
 * function that draws, and `onClick=${…}` for events. The pages call it `view`,
 * for `deno fmt` lays out templates called `html`, in each version differently.
 */
export function html(
  template: TemplateStringsArray,
  ...values: unknown[]
): View;

/** Draws a view into an element; what is there already is only brought up to date. */
export function render(view: View, element: Element): void;

/** Keeps a value for as long as the view that asks is on the page. */
export function useState<T>(initial: T): [T, (next: T) => void];
