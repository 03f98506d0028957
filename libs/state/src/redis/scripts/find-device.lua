-- Follows an identity: its pointer, and the device and credential if they lie in the same slot. KEYS[1] is the slot's prefix; ARGV: identity.
local pointer = redis.call("GET", KEYS[1] .. IDENTITY .. ARGV[1])
local name = pointer and string.match(pointer, "^%d+ (.*)$")
if not name then return { false } end
return { name, redis.call("HGET", KEYS[1] .. RECORDS .. "device", name), redis.call("HGET", KEYS[1] .. RECORDS .. "credential", name) }
