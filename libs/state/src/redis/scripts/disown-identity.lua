-- Frees an identity if it is the device's. KEYS[1] is the slot's prefix; ARGV: identity, name.
local pointer = KEYS[1] .. IDENTITY .. ARGV[1]
local owner = string.match(redis.call("GET", pointer) or "", "^%d+ (.*)$")
if owner == ARGV[2] then redis.call("DEL", pointer) end
return 1
