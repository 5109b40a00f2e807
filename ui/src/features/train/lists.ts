// Lists of texts as the values of a draft have them: a TOML array, which for texts is JSON too.

export function listOf(text: string): string[] {
  try {
    const found: unknown = JSON.parse(text);
    return Array.isArray(found) ? found.map(String) : [];
  } catch {
    return text.trim() === "" ? [] : [text];
  }
}

export function textOf(items: readonly string[]): string {
  return `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
}
