/** The keys that were put in longest ago, as many as there are beyond `max`. */
export function oldestBeyond<Key>(map: ReadonlyMap<Key, unknown>, max: number): Key[] {
  const keys: Key[] = [];
  for (const key of map.keys()) {
    if (map.size - keys.length <= max) break;
    keys.push(key);
  }
  return keys;
}
