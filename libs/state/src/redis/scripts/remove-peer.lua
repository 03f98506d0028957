-- Removes registrations from those that may use a source address: see peer-hints.ts. KEYS[1] is the hint; ARGV: registration ids.
-- A hint that names nobody, as they were too many, stays.
local value = redis.call("GET", KEYS[1])
if not value or value == "" then return 0 end
local gone = {}
for _, id in ipairs(ARGV) do gone[id] = true end
local ids = ""
for at = 1, #value + 1 - #ARGV[1], #ARGV[1] do
  local id = string.sub(value, at, at + #ARGV[1] - 1)
  if not gone[id] then ids = ids .. id end
end
if ids == "" then redis.call("DEL", KEYS[1]) else redis.call("SET", KEYS[1], ids, "KEEPTTL") end
return 1
