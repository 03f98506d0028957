-- Forgets an open request whose final answer was decided in a life of the store that was lost.
local name, id, given = unpack(ARGV)
local known, request = load_request(name, id, (clock(given)))
if not known or known.finished then return reply("unknown") end

redis.call("DEL", request)
forget_open(name, id)
return reply("closed")
