// "1 row", "2 rows": a count with its noun, as English wants it.

export function counted(count: string | number, one: string, many = `${one}s`): string {
  return `${count} ${String(count) === "1" ? one : many}`;
}
