import type { Json } from "./model/json";

/** A value as a line of text. */
export function sampleText(value: Json | undefined, length = 80): string {
  if (value === undefined) {
    return "";
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
