/** A table as text: right-aligned columns under their heads. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const width = (column: number): number => Math.max(...[head, ...rows].map((row) => (row[column] ?? "").length));
  const line = (row: readonly string[]): string => row.map((cell, column) => cell.padStart(width(column))).join("  ");
  return `${[head, ...rows].map(line).join("\n")}\n`;
}
