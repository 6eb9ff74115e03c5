const ACCENTS: Record<string, string> = { a: "á", e: "é", i: "í", o: "ó", u: "ú", A: "Å", E: "É", O: "Ö", U: "Û" };

/** The catalog with its words marked by brackets and accents; placeholders stay as they are. */
export function pseudo<K extends string>(catalog: Record<K, string>): Record<K, string> {
  return Object.fromEntries(
    Object.entries<string>(catalog).map(([id, words]) => [id, `[${accented(words)}]`]),
  ) as Record<K, string>;
}

function accented(words: string): string {
  let depth = 0;
  let marked = "";
  for (const letter of words) {
    depth += letter === "{" ? 1 : letter === "}" ? -1 : 0;
    marked += depth === 0 ? (ACCENTS[letter] ?? letter) : letter;
  }
  return marked;
}
