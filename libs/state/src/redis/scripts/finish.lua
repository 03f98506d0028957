-- Decides the final answer: the first one wins and is in the outbox.
local name, id, response, given = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if not known then return reply("unknown") end
if known.response then return reply("lost", known.response) end

local lapses = string.format("%.0f", math.max(known.expires, now + ANSWER_MEMORY_MS))
redis.call("HDEL", request, "request")
redis.call("HSET", request, "response", response, "until", lapses)
redis.call("PEXPIREAT", request, lapses)
forget_open(name, id)
return reply("won", publish_later(now, "response", name, response, known.type), known.type)
