-- Decides the final answer: the first one wins and is in the outbox.
local name, id, response, given = unpack(ARGV)
local now = clock(given)
local known, request = load_request(name, id, now)
if not known then return reply("unknown") end
if known.finished then return reply("lost") end

local remembered = now + ANSWER_MEMORY_MS
end_request(known, request, now, remembered)
redis.call("SET", key(ANSWER, id .. ":" .. name), response, "PXAT", string.format("%.0f", remembered))
return reply("won", publish_later(now, "response", name, response, known.type), known.type)
