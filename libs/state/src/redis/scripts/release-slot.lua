-- Gives a slot back that is still ours. KEYS[1] is the slot's key; ARGV: boot id.
local held = redis.call("GET", KEYS[1])
if held and cjson.decode(held).bootId == ARGV[1] then redis.call("DEL", KEYS[1]) end
return 1
