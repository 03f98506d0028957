-- Notes that a life of the store has what was known of the one before. KEYS[1] the incarnation; ARGV: its id, as it was when restoring began.
local id = string.match(redis.call("GET", KEYS[1]) or "", "^(%x+) ")
if id ~= ARGV[1] then return 0 end
redis.call("SET", KEYS[1] .. RESTORED, id)
return 1
