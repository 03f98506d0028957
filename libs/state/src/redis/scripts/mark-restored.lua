-- Notes that a life of the store has what was known of the one before. KEYS[1] the incarnation; ARGV: its id, as it was when restoring began, and the mark: the id
-- itself for all of it, which none that says less takes away.
local incarnation_id, mark = unpack(ARGV)
local id = string.match(redis.call("GET", KEYS[1]) or "", "^(%x+) ")
if id ~= incarnation_id then return 0 end
local marked = KEYS[1] .. RESTORED
if redis.call("GET", marked) ~= id then redis.call("SET", marked, mark) end
return 1
