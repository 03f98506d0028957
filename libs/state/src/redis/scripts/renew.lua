-- Renews a lease that is still ours. KEYS[1] is the slot's key; ARGV: entry, boot id, lease in ms.
local held = redis.call("GET", KEYS[1])
if not held or cjson.decode(held).bootId ~= ARGV[2] then return 0 end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[3])
return 1
