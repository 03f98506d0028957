-- Stores the last bootstrap of a device, unless what is stored is of greater rank: see bootstrap-summary.ts. KEYS[1] is its key; ARGV: summary, its rank, for how
-- long, ms. What does not parse stands in nobody's way.
local summary, rank, ttl = unpack(ARGV)
local ok, stored = pcall(function()
  local before = cjson.decode(redis.call("GET", KEYS[1]))
  return 2 * before.startedAtMs + (before.endedAtMs and 1 or 0)
end)
if ok and stored > tonumber(rank) then return 0 end
redis.call("SET", KEYS[1], summary, "PX", ttl)
return 1
