-- Ends an open request whose final answer was decided in a life of the store that was lost: it is finished, and nobody remembers the answer.
local name, id, given = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if not known or known.finished then return reply("unknown") end

end_request(known, request, now, now)
return reply("closed")
