-- Decides the final answer: the first one wins and is in the outbox.
local name, id, response, given = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if not known then return reply("unknown") end
if known.finished then return reply("lost") end

local remembered = string.format("%.0f", now + ANSWER_MEMORY_MS)
-- That it is finished must be known for as long as it could be accepted anew; the answer may be large.
local lapses = string.format("%.0f", math.max(known.expires, now) + ANSWER_MEMORY_MS)
redis.call("HDEL", request, "request")
redis.call("HSET", request, "finished", remembered, "until", lapses)
redis.call("PEXPIREAT", request, lapses)
redis.call("SET", key(ANSWER, id .. ":" .. name), response, "PXAT", remembered)
forget_open(name, id)
return reply("won", publish_later(now, "response", name, response, known.type), known.type)
