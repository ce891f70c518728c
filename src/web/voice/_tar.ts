/**
 * As much of the tar format as it takes to find one file in an npm package:
 * headers of 512 bytes, each followed by its file, filled up to 512 bytes.
 *
 * https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06
 *
 * @module
 */

const BLOCK = 512;

/**
 * Finds a file in an archive.
 *
 * @param name as the header spells it; at most 100 bytes, for longer ones are split
 * @returns `undefined` when it isn't there whole
 */
export function findInTar(
  tar: Uint8Array<ArrayBuffer>,
  name: string,
): Uint8Array<ArrayBuffer> | undefined {
  let offset = 0;
  while (offset + BLOCK <= tar.length) {
    const header = tar.subarray(offset, offset + BLOCK);
    // An archive ends with blocks of zeros.
    if (header[0] === 0) return undefined;
    const size = parseInt(text(header, 124, 12), 8);
    if (!(size >= 0)) return undefined;
    const start = offset + BLOCK;
    if (text(header, 0, 100) === name) {
      return start + size <= tar.length
        ? tar.subarray(start, start + size)
        : undefined;
    }
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}

function text(header: Uint8Array, start: number, length: number): string {
  const field = new TextDecoder().decode(
    header.subarray(start, start + length),
  );
  return field.split("\0")[0]?.trim() ?? "";
}
