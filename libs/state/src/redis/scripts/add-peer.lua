-- Adds a registration to those that may use a source address: see peer-hints.ts. KEYS[1] is the hint; ARGV: registration id, the id that it replaced
-- or itself, how long the hint is kept, ms, most ids. Answers the other ids.
local id, replaced, kept, max = unpack(ARGV)
local value = redis.call("GET", KEYS[1])
local lapses = string.format("%.0f", math.max(tonumber(kept), redis.call("PTTL", KEYS[1])))
if value == "" then
  redis.call("PEXPIRE", KEYS[1], lapses)
  return {}
end
local others = {}
for at = 1, #(value or "") + 1 - #id, #id do
  local other = string.sub(value, at, at + #id - 1)
  if other ~= id and other ~= replaced then others[#others + 1] = other end
end
local ids = #others < tonumber(max) and id .. table.concat(others) or ""
redis.call("SET", KEYS[1], ids, "PX", lapses)
return others
