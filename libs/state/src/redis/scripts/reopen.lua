-- Stores an open request that the store lost, before all that were accepted since. What is known to be dispatched is nobody's to send.
local name, id, given, accepted, dispatched, bytes, content_type, expires, digest, fast = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if known and known.finished then return reply("finished") end

forget_lapsed(now)
local type = known and "open" or "reopened"
if not known then keep_request(name, id, tonumber(accepted) - BEFORE_LOSS, now, bytes, content_type, expires, digest, fast) end
if dispatched == "1" and (not known or not known.dispatched or known.dispatched == DISPATCHED_BY_NOBODY) then
  redis.call("HSET", request, "dispatched", DISPATCHED_BY_NOBODY)
  type = "reopened"
end
return reply(type, state_at(name, now))
